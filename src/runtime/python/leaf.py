"""What runs in a sandbox: loads the handler, answers requests."""
import json
import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket, socketpair
from time import monotonic_ns

import threads
from asynchronous import Loop
from cancel import HELD, IDLE, WORKING, Cancelled, interrupt_now, listen, work
from channel import HEADLESS, LAST, WINDOW, Channel, Closed
from context import Context
from exchange import Exchange
from faults import EVENT_INVALID
from handler import Handler
from reply import PLAIN, as_json
from serving import attend, deliver, settle


_CHANNEL = 3


def install():
    """Once: in the process from which leaves are forked, or in that of a container."""
    listen()
    here = os.path.dirname(__file__) + os.sep
    for name, module in list(sys.modules.items()):
        # A lambda's own wsgi.py or context.py is what `import` is to find.
        if name != '__main__' and (getattr(module, '__file__', None) or '').startswith(here):
            del sys.modules[name]


def run(handler, born, sealed, spin, standby):
    """Answers what comes over the channel until the worker hangs up. born, sealed: ns of CLOCK_MONOTONIC; spin: as Channel has it."""
    channel = Channel(socket(AF_UNIX, SOCK_STREAM, 0, _CHANNEL), spin)
    try:
        if standby:
            channel.ready()
        request, loaded = begin(channel, handler, born, sealed)
        if handler.is_async or handler.concurrency > 1:
            work.state, work.late = IDLE, False  # the signal is for who serves one request at a time; others heed the frame
            if handler.is_async:
                handler.loop.serve(channel, request, born, sealed, loaded)
            else:
                threads.serve(channel, handler, request, born, sealed, loaded)
        answer(channel, handler, request, born, sealed, loaded)
        while True:
            answer(channel, handler, channel.receive())
    except Closed:
        os._exit(0)
    except SystemExit:
        channel.socket.detach()  # open until the end: a leaf that closes its channel is killed
        raise


def rehearse(times, handler):
    """Goes through all that a first request goes through, over a channel of its own; handler: of rehearsal/f.py.

    In a standby: afterwards the page faults of that way are behind this process. In a zygote: the interpreter has adapted the code of that way
    to what it does (PEP 659), so that leaves need not write to it. Nothing of it is left but warm memory.
    """
    ours, theirs = socketpair()
    path, f = sys.path[0], sys.modules.get('f')
    channel = Channel(theirs)
    request = b'\x16\x00\x00\x00\x02\x03\x01\x00\x01\x00\x00\x00\x0d\x00{"id":"none"}{"x":1}'
    for _ in range(times):
        handler.kind = None
        ours.sendall(request)
        first, _ = begin(channel, handler, 0, 0)
        answer(channel, handler, first)
        ours.recv(4096)
        handler.call, handler.takes_context = _with_context, True
        ours.sendall(request)
        answer(channel, handler, channel.receive())
        ours.recv(4096)
        del sys.modules['f']
    sys.path[0] = path
    if f is not None:
        sys.modules['f'] = f
    ours.close()
    theirs.close()


def _with_context(event, _context):
    return event


def begin(channel, handler, born, sealed):
    """Receives until there is a handler to answer with. Gives the request, and when the handler was loaded."""
    while True:
        request = channel.receive()
        loaded = 0
        work.state = HELD
        try:
            if channel.settings:
                handler.configure(channel.settings)
                channel.settings = b''
            if handler.kind is None:
                handler.load()
                loaded = monotonic_ns()
            if handler.is_async:
                handler.loop = handler.loop or Loop(handler)
                if not handler.loop.started:
                    handler.loop.start()
                    loaded = monotonic_ns()
            if handler.streams:
                channel.ready(request[0])
            return request, loaded
        except (SystemExit, Closed):
            raise  # what exit() asks for: the end of this process
        except BaseException as error:
            work.state, work.late = IDLE, False
            Exchange(channel, request, born, sealed).fail(error)


def answer(channel, handler, request, born=0, sealed=0, loaded=0):
    number, flags, _, body, received = request
    exchange = failed = opening = None
    reply = b''
    try:
        try:
            work.state = WORKING
            if work.late:
                interrupt_now()
            if flags == LAST and handler.direct:
                try:
                    event = json.loads(body) if body else {}
                except (ValueError, RecursionError) as error:
                    opening, reply = EVENT_INVALID, str(error).encode()
                else:
                    if handler.takes_context:
                        exchange = Exchange(channel, request, born, sealed, loaded)
                        result = handler.call(event, Context(exchange, body))
                    else:
                        result = handler.call(event)
                    if type(result) in PLAIN and len(reply := as_json(result)) <= WINDOW:
                        pass
                    else:
                        exchange = exchange or Exchange(channel, request, born, sealed, loaded)
                        deliver(exchange, result)
            else:
                exchange = Exchange(channel, request, born, sealed, loaded)
                attend(exchange, handler)
            work.state = IDLE
        except (SystemExit, Closed):
            raise
        except BaseException as error:
            work.state = IDLE
            failed = error
    except Cancelled as error:  # came when the handler was on its way out
        failed = error
    if failed is not None:
        work.state = IDLE
        settle(exchange or Exchange(channel, request, born, sealed, loaded), failed)
        failed = None  # it holds this frame, and this frame it
    elif exchange is None or not exchange.over:
        handled = monotonic_ns()
        sys.stdout.flush()
        sys.stderr.flush()
        channel.reply(number, 0 if handler.takes_context else HEADLESS, opening, reply, (born, sealed, received, loaded, handled))
        if exchange is not None:
            exchange.over = True
    channel.answered = monotonic_ns()
