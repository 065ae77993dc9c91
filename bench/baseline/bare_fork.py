"""The bare fork: how long os.fork() in a zygote, loading the handler and answering take without isolation. argv: runtime, handler directory, body, reply.

The command `one` answers {"ns": [n], "faults": n, "switches": n}, from before the request was sent until the reply was read; `many COUNT WIDTH` keeps WIDTH
forks under way until COUNT have answered: {"ns": [time for all]}.
"""
import json
import os
import select
import socket
import sys
from time import perf_counter_ns


def start_zygote(runtime, directory):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.posix_spawn(sys.executable, [sys.executable, '-I', os.path.dirname(__file__) + '/fork_zygote.py', runtime, directory], dict(os.environ),
                   file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
    theirs.close()
    assert ours.recv(16) == b'serving'
    return ours


def begin(zygote, way, request):
    ours, theirs = socket.socketpair()
    socket.send_fds(zygote, [way], [theirs.fileno()])
    ours.sendall(request)
    theirs.close()
    return ours


def one(zygote, request, expected):
    started = perf_counter_ns()
    channel = begin(zygote, b'one', request)
    reply = channel.recv(4096)
    took = perf_counter_ns() - started
    assert reply == expected, reply
    channel.close()
    status, faults, switches = map(int, zygote.recv(64).split())
    assert status == 0
    return {'ns': [took], 'faults': faults, 'switches': switches}


def many(zygote, request, expected, count, width):
    poll, channels, left = select.epoll(), {}, count

    def another():
        channel = begin(zygote, b'many', request)
        channels[channel.fileno()] = channel
        poll.register(channel.fileno(), select.EPOLLIN)

    started = perf_counter_ns()
    for _ in range(width):
        another()
    left -= width
    while channels:
        for fd, _ in poll.poll():
            reply = channels[fd].recv(4096)
            assert reply == expected, reply
            channels.pop(fd).close()
            if left > 0:
                left -= 1
                another()
    return {'ns': [perf_counter_ns() - started]}


def main(runtime, directory, body, expected):
    zygote = start_zygote(runtime, directory)
    request, expected = body.encode(), expected.encode()
    for line in sys.stdin:
        way, *numbers = line.split()
        answer = one(zygote, request, expected) if way == 'one' else many(zygote, request, expected, *map(int, numbers))
        print(json.dumps(answer), flush=True)


main(*sys.argv[1:])
