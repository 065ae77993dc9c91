import fcntl
import stat


def kind(fd):
    info = os.fstat(fd)
    if stat.S_ISCHR(info.st_mode):
        return f'device {os.major(info.st_rdev)}:{os.minor(info.st_rdev)}'
    return 'pipe' if stat.S_ISFIFO(info.st_mode) else 'socket' if stat.S_ISSOCK(info.st_mode) else 'file'


def descriptors():
    """All that are open; the numbers are tried, since looking into /proc/self/fd opens one more."""
    found = {}
    for fd in range(4096):
        try:
            found[fd] = kind(fd)
        except OSError:
            pass
    return found


def send_descriptors():
    """Hands the worker a file it never asked for, 50 times, with frames that are in order."""
    with socket.socket(fileno=os.dup(3)) as channel, open('/tmp/handed-over', 'w') as file:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('i', file.fileno()))]
        for _ in range(50):
            channel.sendmsg([struct.pack('<IBBHI', 2, 2, 9, 0, GIVEN['request']) + b'\3x'], rights)


def receive_descriptors():
    with socket.socket(fileno=os.dup(3)) as channel:
        try:
            _, ancillary, _, _ = channel.recvmsg(1 << 16, 1 << 12, socket.MSG_DONTWAIT | socket.MSG_PEEK)
        except BlockingIOError:
            return []
        return [str(a[:2]) for a in ancillary]


def mark_stdin():
    """Flags of an open file are shared by all who have inherited it."""
    before = fcntl.fcntl(0, fcntl.F_GETFL)
    fcntl.fcntl(0, fcntl.F_SETFL, before ^ os.O_NONBLOCK)
    fcntl.fcntl(0, fcntl.F_SETSIG if hasattr(fcntl, 'F_SETSIG') else 10, 42)
    return before


def stdin_marks():
    return {'nonblocking': bool(fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK), 'signal': fcntl.fcntl(0, 11)}


def lock_stdin():
    fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB)


def limits():
    import resource
    return {name: resource.getrlimit(getattr(resource, name)) for name in ('RLIMIT_CORE', 'RLIMIT_NOFILE', 'RLIMIT_MEMLOCK', 'RLIMIT_MSGQUEUE')}


def f(event):
    GIVEN.update(event.get('given', {}))
    return {name: outcome(globals()[name]) for name in event['attacks']}


def environment(): return dict(os.environ)


def random_numbers():
    import random
    import uuid
    return [random.random(), os.urandom(8).hex(), str(uuid.uuid4())]


def arguments(): return open('/proc/self/cmdline').read().split('\0')[:-1]


def own_cgroup(): return sorted({line.split(':', 2)[2] for line in open('/proc/self/cgroup').read().splitlines()})
