"""One request under way: its body as it comes, its reply as it goes, both within their windows."""
import json
import sys
from time import monotonic_ns

from cancel import CANCELLED, WORKING, Cancelled, hold, interrupt_now, release, work
from channel import BODY, BROKEN, CANCEL, END, HEAD, LAST, LOAD_ONLY, LOG, MAX_LOG, REPLY, TIMED, VERSION, WINDOW, WINDOW_USED
from faults import RAISED, report


class Exchange:
    """Waits by reading the channel: for a process that serves one request at a time. Others wait in other ways."""

    def __init__(self, channel, request, born=0, sealed=0, loaded=0):
        """request: as Channel.receive() gives it; the rest: ns of CLOCK_MONOTONIC, 0 where it did not happen for this request."""
        self.channel = channel
        self.number, flags, self._head, body, received = request
        self.times = [born, sealed, received, loaded, 0]
        self._info = None
        self._parts = [body] if body else []
        self.complete = bool(flags & LAST)
        self.load_only = bool(flags & LOAD_ONLY)
        self._used = 0
        self._opening = None  # the head of the reply, until there is something to send with it
        self._granted = WINDOW
        self._gone = 0
        self.begun = False  # something of the reply is on its way
        self.over = False  # all of it is
        self.cancelled = False

    @property
    def info(self):
        """What wire.h calls the head of a request."""
        if self._info is None:
            self._info = json.loads(self._head)
        return self._info

    # ---- what comes

    def hear(self, kind, flags, payload):
        if kind == BODY:
            if payload:
                self._parts.append(payload)
            if flags & LAST:
                self.complete = True
        elif kind == WINDOW_USED:
            self._granted += int.from_bytes(payload[:4], 'little')
        elif kind == CANCEL:
            self.cancelled = True

    def poll(self):
        """What of the body has come and was not taken: not empty, but at its end; None: it still has to come."""
        complete = self.complete  # looked at before the parts: another thread sets it after them
        count = len(self._parts)
        if count == 0:
            return b'' if complete else None
        data = b''.join(self._parts[:count])
        del self._parts[:count]
        self._used += len(data)
        if self._used >= WINDOW // 2 and not complete:
            self.send(HEAD.pack(4, VERSION, WINDOW_USED, 0, self.number) + self._used.to_bytes(4, 'little'))
            self._used = 0
        return data

    @property
    def drained(self):
        """Nothing more is to come of the body, nor left to be taken."""
        return self.complete and not self._parts

    def take(self):
        """The next piece of the body, b'' at its end."""
        data = self.poll()
        while data is None:
            self.wait()
            data = self.poll()
        return data

    def body(self):
        """All of it that was not taken."""
        parts = []
        while data := self.take():
            parts.append(data)
        return parts[0] if len(parts) == 1 else b''.join(parts)

    # ---- what goes

    def open(self, opening):
        """Begins the reply with this head (JSON bytes), which goes out with the first of the body."""
        self._opening = opening

    def _opened(self):
        """The frame that begins the reply, if that is still to be sent."""
        opening, self._opening = self._opening, None
        return b'' if opening is None else TIMED.pack(40 + len(opening), VERSION, REPLY, 0, self.number, *self.times) + opening

    @property
    def room(self):
        """How many bytes may be sent now."""
        return self._granted - self._gone

    def push(self, data):
        """Sends what the window allows of `data`, a memoryview; gives back the rest."""
        self.check()
        size = min(len(data), self.room)
        if size or self._opening is not None:
            self.begun = True
            self._gone += size
            frame = (HEAD.pack(size, VERSION, BODY, 0, self.number), data[:size]) if size else ()
            self.send(b''.join((self._opened(), *frame)))
        return data[size:]

    def write(self, data):
        rest = self.push(memoryview(data))
        while rest:
            self.wait()
            rest = self.push(rest)

    def end(self, data=b''):
        """The reply is complete with this last piece."""
        rest = memoryview(data)
        while len(rest) > self.room:
            rest = self.push(rest)
            if len(rest) > self.room:
                self.wait()
        self.finish(rest)

    def finish(self, data=b'', flags=0):
        """As end(), with what the window allows; not refused after a cancellation."""
        self.times[4] = monotonic_ns()
        sys.stdout.flush()
        sys.stderr.flush()
        hold()
        self.channel.calls.pop(self.number, None)
        self.channel.send(b''.join((self._opened(), TIMED.pack(40 + len(data), VERSION, END, flags, self.number, *self.times), data)))
        self.over = True
        release()

    def fail(self, error):
        """The handler has raised this."""
        text = report(error)
        if self.begun:
            self.log(text, 1)
            self.finish(flags=BROKEN)
        else:
            self.open(RAISED)
            self.finish(text)

    def drop(self):
        """Nobody waits for the reply."""
        self._opening = None
        self.finish()

    def log(self, text, level):
        """text: UTF-8, any number of lines."""
        frames = []
        for line in text.split(b'\n'):
            line = line[:MAX_LOG]
            if line:
                frames.append(HEAD.pack(1 + len(line), VERSION, LOG, 0, self.number) + bytes((level,)) + line)
        self.send(b''.join(frames))

    # ---- how a process that serves one request at a time waits and sends: what may interrupt it, may not do so in the midst of a frame

    def send(self, data):
        hold()
        self.channel.send(data)
        release()

    def check(self):
        if self.cancelled or work.state == CANCELLED:
            raise Cancelled

    def wait(self):
        """Until something has been heard."""
        self.check()
        self.channel.calls[self.number] = self
        hold()
        self.channel.pump()
        release()
        if self.cancelled:
            if work.state == WORKING:
                interrupt_now()
            raise Cancelled

    def interrupt_by(self, call):
        """For a while, a cancellation calls this instead of raising; None: no longer."""
        work.interrupt = call
