"""Two Python processes that send one small message to and fro over a socketpair. The command N does it N times: {"ns": [each]}."""
import json
import os
import socket
import sys
from time import perf_counter_ns

ours, theirs = socket.socketpair()
if os.fork() == 0:
    ours.close()
    while message := os.read(theirs.fileno(), 4096):
        os.write(theirs.fileno(), message)
    os._exit(0)
theirs.close()
fd, message = ours.fileno(), b'{"x":1}'
for line in sys.stdin:
    took = []
    for _ in range(int(line)):
        started = perf_counter_ns()
        os.write(fd, message)
        assert os.read(fd, 4096) == message
        took.append(perf_counter_ns() - started)
    print(json.dumps({'ns': took}), flush=True)
