"""What zygote.py is without any isolation: the same modules, frozen alike, and os.fork(). Descriptor 3 is its socket; argv: runtime, handler directory.

A message `one` or `many` with a descriptor forks a child that loads the handler as a leaf does and answers one event on it, with no protocol around it.
`one` waits for the child's end and tells its page faults and context switches; `many` goes on at once.
"""
import ctypes
import gc
import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

import ahead  # noqa: E402, F401
import leaf  # noqa: E402


def main(directory):
    import random  # noqa: F401
    import _socket  # socket would bring modules that the zygote does without
    control = _socket.socket(fileno=3)
    control.send(b'serving')
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim:
        trim(0)
    while True:
        way, with_it, _, _ = control.recvmsg(8, _socket.CMSG_LEN(4))
        if not way:
            return
        fds = [int.from_bytes(data, sys.byteorder) for _, _, data in with_it]
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if way == b'one' else signal.SIG_IGN)
        pid = os.fork()
        if pid == 0:
            event = os.read(fds[0], 65536)
            handler = leaf.Handler(directory)
            handler.load()
            os.write(fds[0], json.dumps(handler.call(json.loads(event))).encode())
            os._exit(0)
        os.close(fds[0])
        if way == b'one':
            _, status, used = os.wait4(pid, 0)
            control.send(b'%d %d %d' % (status, used.ru_minflt, used.ru_nvcsw + used.ru_nivcsw))


main(sys.argv[2])
