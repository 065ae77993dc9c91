"""The first process of a container: connects to its line, and waits there for its lambda as a standby does.

contained.py SOCKET [DIRECTORY]: of the code, by default /handler.
"""
import gc
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, '/runtime')

import leaf  # noqa: E402
from _socket import AF_UNIX, SOCK_STREAM, socket  # noqa: E402

_CHANNEL = 3


def main():
    path, directory = sys.argv[1], (sys.argv[2:] or ['/handler'])[0]
    del sys.argv[1:]
    leaf.install()
    leaf.rehearse(2, leaf.Handler('/rehearsal', {}))
    gc.collect()
    gc.freeze()
    line = socket(AF_UNIX, SOCK_STREAM)
    line.connect(path)
    number = line.detach()
    if number != _CHANNEL:
        os.dup2(number, _CHANNEL, False)
        os.close(number)
    leaf.run(leaf.Handler(directory), 0, 0, None, True)


main()
