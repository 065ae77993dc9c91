"""The leaf's end of the channel: frames in, frames out. native/core/wire.h has the layout.

Written for the first call as much as for the thousandth: os.read and os.write only, one read and one write for a small request, nothing that
a rehearsal has not been through.
"""
import os
import struct

VERSION, LAST = 1, 1
READY, FAILED, REQUEST, BODY, END, REPLY = 1, 2, 3, 4, 5, 6
MAX_PAYLOAD = 1 << 20

_HEAD = struct.Struct('<IBBHI')
_REQUEST = struct.Struct('<IBBHIH')  # with the length of the request's head
_END = struct.Struct('<IBBHI5Q')     # with the timing


# Requests that follow each other within this time, ns, are waited for awake. Waking a processor that has gone to sleep takes 2 to 40 us,
# and as long again for the worker's. Whoever waits in vain sleeps until requests follow each other so closely again.
SPIN = 200_000


class Closed(Exception):
    """The worker has hung up."""


class Channel:
    def __init__(self, fd, spin=None):
        """spin(ns) waits for the descriptor awake; None: not at all."""
        self.fd = fd
        self.kept = b''
        self.spin = spin
        self.gap = SPIN
        self.answered = 0

    def receive(self):
        """The next request: (number, head as JSON bytes, body)."""
        if self.gap < SPIN and self.spin and not self.kept:
            self.spin(SPIN)
        data = self._until(self.kept or self._read(), 14)
        size, _, _, flags, number, head_size = _REQUEST.unpack_from(data)
        data = self._until(data, 12 + size)
        head, body = data[14:14 + head_size], data[14 + head_size:12 + size]
        data = data[12 + size:]
        if not flags & LAST:
            body, data = self._rest(body, data)
        self.kept = data
        return number, head, body

    def _rest(self, first, data):
        parts, flags = [first], 0
        while not flags & LAST:
            data = self._until(data, 12)
            size, _, _, flags, _ = _HEAD.unpack_from(data)
            data = self._until(data, 12 + size)
            parts.append(data[12:12 + size])
            data = data[12 + size:]
        return b''.join(parts), data

    def ready(self):
        self._send(_HEAD.pack(0, VERSION, READY, 0, 0))

    def reply(self, number, head, body, timing):
        """Answers request `number`. head: JSON bytes, or None for 200 and application/json; timing: five ns of CLOCK_MONOTONIC."""
        parts = []
        if head is not None:
            parts += (_HEAD.pack(len(head), VERSION, REPLY, 0, number), head)
        at = 0
        while len(body) - at > MAX_PAYLOAD - 40:
            parts += (_HEAD.pack(MAX_PAYLOAD, VERSION, BODY, 0, number), body[at:at + MAX_PAYLOAD])
            at += MAX_PAYLOAD
        rest = body[at:] if at else body
        parts += (_END.pack(40 + len(rest), VERSION, END, 0, number, *timing), rest)
        self._send(b''.join(parts))

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
        data = os.read(self.fd, 1 << 16)
        if not data:
            raise Closed
        return data

    def _send(self, data):
        sent = os.write(self.fd, data)
        while sent < len(data):
            data = data[sent:]
            sent = os.write(self.fd, data)
