"""Several requests at a time, each in a thread of its own, for functions and applications that block. The main thread reads the channel."""
import os
from _queue import SimpleQueue
from _thread import allocate_lock, get_ident

from cancel import Cancelled
from channel import CANCEL, Closed
from exchange import Exchange
from serving import attend, leave, settle


def serve(channel, handler, request, *times):
    """Until the worker hangs up."""
    from threading import Thread

    requests = SimpleQueue()
    threads = []

    def begin(request, *times):
        exchange = ThreadExchange(channel, request, *times)
        channel.calls[exchange.number] = exchange
        requests.put(exchange)
        if len(threads) < min(len(channel.calls), handler.concurrency):
            thread = Thread(target=_work, args=(requests, handler), daemon=True)
            try:
                thread.start()
                threads.append(thread)
            except RuntimeError:  # limits.procs: the request waits for one of those that are there
                if not threads:
                    raise

    channel.begin = begin
    begin(request, *times)
    while True:
        channel.pump()


def _work(requests, handler):
    try:
        while True:
            exchange = requests.get()
            error = exchange.attended(handler)
            if error is not None:
                settle(exchange, error)
            exchange = error = None
    except Closed:
        os._exit(0)
    except SystemExit as error:
        leave(error)


class ThreadExchange(Exchange):
    """Waits for the main thread to hear something."""

    def __init__(self, *args):
        super().__init__(*args)
        self._heard = allocate_lock()  # taken: nothing was heard since the last look
        self._heard.acquire()
        self._guard = allocate_lock()  # of what follows
        self._thread = None  # in which the handler is at work
        self._waiting = False
        self._interrupt = None

    def attended(self, handler):
        """What the handler has raised, if anything: Cancelled comes from outside, at most once, and not after this."""
        try:
            try:
                with self._guard:
                    self._thread = get_ident()
                self.check()
                attend(self, handler)
                self._leave()
            except (SystemExit, Closed):
                raise
            except BaseException as error:
                self._leave()
                return error
        except Cancelled as error:  # came when the handler was on its way out
            return error
        return None

    def finish(self, data=b'', flags=0):
        self._leave()  # interrupted between the frame and the note that it is sent, it would be sent twice
        super().finish(data, flags)

    def _leave(self):
        with self._guard:
            thread, self._thread = self._thread, None
        if thread is not None:
            _raise_in(thread, None)  # one that is still to come will not

    def hear(self, kind, flags, payload):
        if kind == CANCEL:
            self._cancel()
        else:
            super().hear(kind, flags, payload)
        if self._heard.locked():
            self._heard.release()

    def _cancel(self):
        with self._guard:
            if self.cancelled:
                return
            self.cancelled = True
            if self._interrupt is not None:
                self._interrupt()
            elif self._thread is not None and not self._waiting:
                _raise_in(self._thread, Cancelled)

    def interrupt_by(self, call):
        with self._guard:
            self._interrupt = call

    def check(self):
        if self.cancelled:
            raise Cancelled

    def wait(self):
        with self._guard:
            self.check()
            self._waiting = True
        self._heard.acquire()
        with self._guard:
            self._waiting = False
        self.check()


def _raise_in(thread, error):
    from ctypes import c_ulong, py_object, pythonapi

    pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread), None if error is None else py_object(error))
