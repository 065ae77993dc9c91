"""What runs in a sandbox: loads the handler, answers requests one after another."""
import json
import os
import sys
import traceback
from _socket import socketpair
from time import monotonic_ns
from types import ModuleType

from channel import Channel, Closed

_CHANNEL = 3
_READ = 1 << 16  # a larger buffer would be a mapping of its own


def serve(born, sealed, spin):
    """Answers what comes over the channel until the worker hangs up. born, sealed: ns of CLOCK_MONOTONIC; spin: as Channel has it."""
    channel, handlers = Channel(_CHANNEL, spin), Handlers('/handler')
    try:
        while True:
            answer(channel, handlers, born, sealed)
            born = sealed = 0
    except Closed:
        os._exit(0)


def rehearse(times):
    """Goes through all that a first request goes through, over a channel and with a handler of its own.

    In a standby: afterwards the page faults of that way are behind this process. In a zygote: the interpreter has adapted the code of that way
    to what it does (PEP 659), so that leaves need not write to it. Nothing of it is left but warm memory.
    """
    ours, theirs = socketpair()
    channel, handlers = Channel(theirs.fileno()), Handlers('/rehearsal')
    request = b'\x16\x00\x00\x00\x01\x03\x01\x00\x01\x00\x00\x00\x0d\x00{"id":"none"}{"x":1}'
    for _ in range(times):
        ours.sendall(request)
        answer(channel, handlers, 0, 0)
        ours.recv(4096)
        handlers.forget()
    ours.close()
    theirs.close()


def ready():
    Channel(_CHANNEL).ready()


class Handlers:
    """The handler of one code directory, imported when it is first needed."""

    def __init__(self, directory):
        self.directory = directory
        self.f = None

    def load(self):
        path = self.directory + '/f.py'
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        source = os.read(fd, _READ)
        while len(source) % _READ == 0 and (more := os.read(fd, _READ)):
            source += more
        os.close(fd)
        module = ModuleType('f')
        module.__file__ = path
        sys.modules['f'] = module
        sys.path[0] = self.directory
        try:
            exec(compile(source, path, 'exec', dont_inherit=True), module.__dict__)
        except BaseException:
            del sys.modules['f']  # the next request tries again
            raise
        if not callable(getattr(module, 'f', None)):
            raise AttributeError(f'{path} defines no function f(event)')
        self.f = module.f

    def forget(self):
        self.f = None
        del sys.modules['f']


def answer(channel, handlers, born, sealed):
    number, head, body = channel.receive()
    received = monotonic_ns()
    channel.gap = received - channel.answered
    loaded = handled = 0
    try:
        if handlers.f is None:
            handlers.load()
            loaded = monotonic_ns()
        try:
            event = json.loads(body) if body else {}
        except ValueError as error:
            head, reply = b'{"status":400,"error":"event-invalid"}', str(error).encode()
        else:
            head, reply = None, json.dumps(handlers.f(event)).encode()
    except SystemExit:
        raise  # what exit() asks for: the end of this process
    except BaseException as error:
        head, reply = b'{"status":500,"error":"handler-raised"}', report(error)
    handled = monotonic_ns()
    sys.stdout.flush()
    sys.stderr.flush()
    channel.reply(number, head, reply, (born, sealed, received, loaded, handled))
    channel.answered = monotonic_ns()


def report(error):
    """The traceback as the lambda's author knows it: without this file's frames."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return ''.join(traceback.format_exception(type(error), error, frames)).encode('utf-8', 'replace')
