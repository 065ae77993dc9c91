"""Writes to the channel itself what the runtime never would. event: {"attack": name}; what an attack returns, the runtime replies."""
import random
import signal
import threading
import time

READY, FAILED, REQUEST, BODY, END, REPLY, CANCEL, WINDOW, LOG, SETUP = range(1, 11)
BROKEN = 1
FIRST = 1  # the number of a sandbox's first request


def frame(kind, payload=b'', number=FIRST, version=2, flags=0, size=None):
    return struct.pack('<IBBHI', len(payload) if size is None else size, version, kind, flags, number) + payload


def reply(payload, number=FIRST):
    return frame(REPLY, bytes(40) + payload, number)


def window(size):
    return frame(WINDOW, struct.pack('<I', size))


def end(body=b'', number=FIRST, timing=(0, 0, 0, 0, 0)):
    return frame(END, struct.pack('<5Q', *timing) + body, number)


def send(data):
    view = memoryview(data)
    while view:
        view = view[os.write(3, view):]


def instead(*frames):
    """Sends that and nothing more; the worker ends this, or its time limit does."""
    send(b''.join(frames))
    while True:
        signal.pause()


def forever(data):
    while True:
        send(data)


def head(**fields):
    instead(reply(json.dumps(fields).encode()), end(b'body'))


def raw_head(payload):
    instead(reply(payload), end())


def header(name, value):
    head(status=200, headers=[[name, value]])


def run_on():
    """Closes the channel and goes on, with a child that has left everything."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 64)
            while True:
                signal.pause()
        os._exit(0)
    os.close(3)
    while True:
        signal.pause()


def become_another():
    os.execv('/usr/bin/python3', ['python3', '-I', '-c', 'import signal\nwhile True: signal.pause()'])


def reply_from_behind():
    """The reply now, frames that nobody asked for when the worker thinks that this is idle."""
    threading.Thread(target=lambda: forever(frame(BODY, b'x', FIRST + 1)), daemon=True).start()
    return 'first'


ATTACKS = {
    'garbage': lambda: instead(random.Random(1).randbytes(4096)),
    'zeros': lambda: instead(bytes(4096)),
    'a wrong version': lambda: instead(frame(BODY, b'x', version=1)),
    'a frame of 4 GiB': lambda: instead(frame(BODY, b'x', size=0xFFFFFFFF)),
    'a frame over the limit': lambda: instead(frame(BODY, b'x', size=(1 << 20) + 1)),
    'flags': lambda: instead(frame(BODY, b'x', flags=1)),
    'an unknown frame': lambda: instead(frame(99)),
    "the worker's frame": lambda: instead(frame(REQUEST, b'\x02\0{}')),
    "the worker's word to cancel": lambda: instead(frame(CANCEL)),
    "the worker's settings": lambda: instead(frame(SETUP, b'{}', number=0)),
    'an empty piece of a body': lambda: instead(frame(BODY)),
    'a window of nothing': lambda: instead(window(0)),
    'a window larger than there is': lambda: instead(window(1 << 18)),
    'a window of three bytes': lambda: instead(frame(WINDOW, b'xxx')),
    'a log line of nobody': lambda: instead(frame(LOG, b'\3x', number=FIRST + 1)),
    'a log line that is too long': lambda: instead(frame(LOG, b'x' * (16 * 1024 + 2))),
    'more than the window at once': lambda: instead(end(bytes(1 << 18) + b'x')),
    'more than the window in pieces': lambda: instead(frame(BODY, bytes(1 << 18)), frame(BODY, b'x')),
    'a reply that breaks off before it began': lambda: instead(frame(END, bytes(40), flags=BROKEN)),
    'a reply that breaks off': lambda: instead(frame(BODY, b'x'), frame(END, bytes(40), flags=BROKEN)),
    'a reply that breaks off with a body': lambda: instead(frame(END, bytes(41), flags=BROKEN)),
    'a failure of set-up that is none': lambda: instead(frame(FAILED, struct.pack('<IIi', 77, 0xFFFFFFFF, -1))),
    'a short failure': lambda: instead(frame(FAILED, b'x')),
    'an end without times': lambda: instead(frame(END, b'x' * 39)),
    'half a frame': lambda: instead(frame(BODY, b'x' * 9)[:15]),
    'a reply of another request': lambda: instead(end(number=FIRST + 1)),
    'a reply of request 0': lambda: instead(end(number=0)),
    'ready again': lambda: send(frame(READY) * 3) or 'well',
    'nothing but an end': lambda: instead(end(b'"well"')),
    'times from nowhere': lambda: instead(end(b'"well"', timing=(2**64 - 1, 1, 2**63, 2**64 - 1, 5))),
    'two replies': lambda: instead(end(b'"first"'), end(b'"second"')),
    'frames after the reply': reply_from_behind,
    'two heads': lambda: instead(reply(b'{"status":200}'), reply(b'{"status":201}'), end()),
    'a head after the body': lambda: instead(frame(BODY, b'x'), reply(b'{"status":200}'), end()),
    'a head that is no JSON': lambda: raw_head(b'{"status":'),
    'a head that is a list': lambda: raw_head(b'[200]'),
    'a head of brackets': lambda: raw_head(b'[' * ((1 << 20) - 40)),
    'a head without status': lambda: raw_head(b'{"headers":[]}'),
    'headers that are none': lambda: raw_head(b'{"headers":[1,[2],["a",3],["b","c","d"],null,{}]}'),
    'status 101': lambda: head(status=101),
    'status 99999': lambda: head(status=99999),
    'status in words': lambda: head(status='200'),
    'an error that it may not name': lambda: head(status=500, error='internal'),
    'a line break in a header name': lambda: header('x\r\nset-cookie', 'a=b'),
    'a line break in a header value': lambda: header('x', 'a\r\nset-cookie: a=b'),
    'a line feed in a header value': lambda: header('x', 'a\nset-cookie: a=b'),
    'an end of the head in a header value': lambda: header('x', 'a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
    'a NUL in a header value': lambda: header('x', 'a\0b'),
    'a header name with a colon': lambda: header('set-cookie: a=b', 'c'),
    'a header without a name': lambda: header('', 'c'),
    'a wide character in a header': lambda: header('x', '\u010d\u010a'),  # CR LF, were they cut to bytes
    "the worker's own headers": lambda: head(status=200, headers=[[n, '1'] for n in (
        'Content-Length', 'Transfer-Encoding', 'Connection', 'X-Request-Id', 'X-Start-Class', 'Server-Timing', 'Date', 'Upgrade')]),
    'a body where none may be (204)': lambda: head(status=204),
    'a body where none may be (304)': lambda: head(status=304),
    'a closed channel': lambda: (os.close(3), time.sleep(3600)),
    'a channel shut down': lambda: (socket.socket(fileno=3).shutdown(2), time.sleep(3600)),
    'a process that goes on': run_on,
    'another program': become_another,
    'an exit': lambda: os._exit(3),
    'a crash': lambda: ctypes.string_at(0),
    'nothing at all': lambda: instead(),
    'empty frames without end': lambda: forever(frame(BODY) * 5000),
    'frames of one byte without end': lambda: forever(frame(BODY, b'x') * 5000),
    'heads without end': lambda: forever(reply(b'{"status":200,"pad":"' + b'x' * 60000 + b'"}') * 16),
    'log lines without end': lambda: forever(frame(LOG, b'\3' + b'x' * 1000) * 100),
    'windows without end': lambda: forever(window(1) * 5000),
    'ready without end': lambda: forever(frame(READY) * 5000),
    'a body without end': lambda: forever(frame(BODY, bytes(1 << 16))),
    'lines without end': lambda: flood(b'\n' * 65536),
    'a line without end': lambda: flood(b'x' * 65536),
}


def flood(data):
    while True:
        os.write(1, data)


def f(event):
    return ATTACKS[event['attack']]()
