"""The leaf's end of the channel: frames in, frames out. native/core/wire.h has the layout.

Written for the first call as much as for the thousandth: os.read and os.write only, one read and one write for a small request, nothing that
a rehearsal has not been through.
"""
import os
import struct

VERSION = 1
READY, FAILED, REQUEST, BODY, END, REPLY = 1, 2, 3, 4, 5, 6
MAX_PAYLOAD = 1 << 20

_HEAD = struct.Struct('<IBBHI')
_TIMING = struct.Struct('<5Q')


class Closed(Exception):
    """The worker has hung up."""


class Channel:
    def __init__(self, fd):
        self.fd = fd
        self.kept = b''

    def receive(self):
        """The next request: (number, head as JSON bytes, body)."""
        data, at = self.kept, 0
        number, head, parts = 0, b'{}', []
        while True:
            while len(data) - at < 12:
                data, at = self._more(data, at), 0
            size, _, kind, _, number = _HEAD.unpack_from(data, at)
            while len(data) - at < 12 + size:
                data, at = self._more(data, at), 0
            payload = data[at + 12:at + 12 + size]
            at += 12 + size
            if kind == BODY:
                parts.append(payload)
            elif kind == REQUEST:
                head = payload
            elif kind == END:
                self.kept = data[at:]
                return number, head, parts[0] if len(parts) == 1 else b''.join(parts)

    def ready(self):
        self._send(_HEAD.pack(0, VERSION, READY, 0, 0))

    def reply(self, number, head, body, timing):
        """Answers request `number`. head: JSON bytes, or None for 200 and application/json; timing: five ns of CLOCK_MONOTONIC."""
        parts = []
        if head is not None:
            parts += (_HEAD.pack(len(head), VERSION, REPLY, 0, number), head)
        if len(body) <= MAX_PAYLOAD:
            parts += (_HEAD.pack(len(body), VERSION, BODY, 0, number), body)
        else:
            for at in range(0, len(body), MAX_PAYLOAD):
                chunk = body[at:at + MAX_PAYLOAD]
                parts += (_HEAD.pack(len(chunk), VERSION, BODY, 0, number), chunk)
        parts += (_HEAD.pack(40, VERSION, END, 0, number), _TIMING.pack(*timing))
        self._send(b''.join(parts))

    def _more(self, data, at):
        more = os.read(self.fd, 1 << 16)
        if not more:
            raise Closed
        return data[at:] + more if at < len(data) else more

    def _send(self, data):
        sent = os.write(self.fd, data)
        while sent < len(data):
            data = data[sent:]
            sent = os.write(self.fd, data)
