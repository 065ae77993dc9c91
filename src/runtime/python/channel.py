"""The leaf's end of the channel: frames in, frames out. native/core/wire.h has the layout and the rules.

Written for the first call as much as for the thousandth: one read and one write for a small request, nothing that a rehearsal has not been
through.
"""
import struct
from _thread import allocate_lock
from time import monotonic_ns

VERSION = 2
READY, FAILED, REQUEST, BODY, END, REPLY, CANCEL, WINDOW_USED, LOG, SETUP = range(1, 11)
LAST, LOAD_ONLY = 1, 2  # flags of the worker's frames
BROKEN, HEADLESS = 1, 2  # flags of the leaf's END: the reply ends here, but it is not complete; requests may come without a head
MAX_PAYLOAD = 1 << 20
WINDOW = 1 << 18
MAX_LOG = 16 * 1024

HEAD = struct.Struct('<IBBHI')
TIMED = struct.Struct('<IBBHI5Q')  # with the timing: what REPLY and END begin with
_REQUEST = struct.Struct('<IBBHIH')  # with the length of the request's head


# Requests that follow each other within this time, ns, are waited for awake. Waking a processor that has gone to sleep takes 2 to 40 us,
# and as long again for the worker's. Whoever waits in vain sleeps until requests follow each other so closely again.
SPIN = 200_000


class Closed(BaseException):
    """The worker has hung up. Not for the handler to catch."""


class Channel:
    """Reading is for one thread, and so is receive(); send() is for all of them."""

    def __init__(self, socket, spin=None):
        """spin(ns) waits for the socket awake; None: not at all."""
        self.socket = socket
        self.kept = b''
        self.spin = spin
        self.gap = SPIN
        self.answered = 0
        self.settings = b''  # what the worker has set and nobody has looked at yet: JSON
        self.calls = {}  # number of the request -> Exchange, of those that want to hear
        self.begin = _refuse  # called with each request that pump() meets
        self._sending = allocate_lock()

    def receive(self):
        """The next request: (number, flags, head as JSON bytes, the body's first bytes, ns of CLOCK_MONOTONIC when it came)."""
        if self.gap < SPIN and self.spin and not self.kept:
            self.spin(SPIN)
        # A shorter frame than a request is what came too late for the last one: nobody minds when it lies until there is more.
        data = self._until(self.kept or self._read(), 14)
        size, _, kind, flags, number, head_size = _REQUEST.unpack_from(data)
        while kind != REQUEST:
            data = self._until(data, 12 + size)
            if kind == SETUP:
                self.settings = data[12:12 + size]
            data = self._until(data[12 + size:], 14)
            size, _, kind, flags, number, head_size = _REQUEST.unpack_from(data)
        data = self._until(data, 12 + size)
        self.kept = data[12 + size:]
        received = monotonic_ns()
        self.gap = received - self.answered
        return number, flags, data[14:14 + head_size], data[14 + head_size:12 + size], received

    def pump(self):
        """Waits for a frame, and hands it and all that came with it to whom they belong."""
        data, at = self._until(self.kept or self._read(), 12), 0
        self.kept = b''
        while len(data) - at >= 12:
            size, _, kind, flags, number = HEAD.unpack_from(data, at)
            end = at + 12 + size
            if end > len(data):
                if at:
                    break
                data = self._until(data, end)
            self._hand_out(kind, flags, number, data[at + 12:end])
            at = end
        self.kept = data[at:]

    def _hand_out(self, kind, flags, number, payload):
        if kind == REQUEST:
            start = 2 + int.from_bytes(payload[:2], 'little')
            self.begin((number, flags, payload[2:start], payload[start:], monotonic_ns()))
        elif kind == SETUP:
            self.settings = payload
        else:
            call = self.calls.get(number)
            if call is not None:  # else it is over
                call.hear(kind, flags, payload)

    def ready(self, number=0):
        """number: of the first request, when the handler takes bodies as they come."""
        self.send(HEAD.pack(0, VERSION, READY, 0, number))

    def reply(self, number, flags, opening, body, times):
        """Answers a request with one write. flags: of END; opening: JSON bytes, or None for 200 and application/json; body: at most WINDOW; times: five ns."""
        end = TIMED.pack(40 + len(body), VERSION, END, flags, number, *times)
        if opening is not None:
            end = b''.join((TIMED.pack(40 + len(opening), VERSION, REPLY, 0, number, *times), opening, end))
        self.send(end + body)

    def send(self, data):
        # One call for all of it: whatever is raised in this thread from outside comes before it or after it.
        try:
            with self._sending:
                self.socket.sendall(data)
        except OSError:
            raise Closed from None

    def _until(self, data, size):
        """`data` and as much of what follows as makes it at least `size` long."""
        if len(data) >= size:
            return data
        parts, have = [data], len(data)
        while have < size:
            parts.append(self._read())
            have += len(parts[-1])
        return b''.join(parts)

    def _read(self):
        try:
            data = self.socket.recv(1 << 16)  # a larger buffer would be a mapping of its own
        except OSError:
            raise Closed from None
        if not data:
            raise Closed
        return data


def _refuse(request):
    raise RuntimeError(f'request {request[0]} came while another was under way')
