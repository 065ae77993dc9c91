"""Takes as much as it gets. event: {"take": what}; the reply is how much it was and how it ended."""
import mmap
import signal
import time

MIB = 1 << 20
NR.update(dict(shmget=29, shmat=30) if platform.machine() == 'x86_64' else dict(shmget=194, shmat=196))


def until_refused(step):
    """How often it worked, and the error of the time when it did not."""
    count = 0
    while count < 1 << 20:
        try:
            step(count)
        except OSError as error:
            return {'count': count, 'errno': errno.errorcode[error.errno]}
        count += 1
    return {'count': count, 'errno': None}


def fork_once(_):
    if os.fork() == 0:
        signal.pause()
        os._exit(0)


def processes():
    try:
        return until_refused(fork_once)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(-1, signal.SIGKILL)


def threads():
    import threading
    started, forever = 0, threading.Event()
    try:
        while started < 1000:
            threading.Thread(target=forever.wait, daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    forever.set()
    return started


def bomb():
    while True:
        try:
            os.fork()
        except OSError:
            pass


def daemon():
    """A process that has left everything that it can leave, and holds on."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 64)
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            while True:
                signal.pause()
        os._exit(0)
    os.wait()
    return os.getuid()


def spin():
    while True:
        pass


def memory():
    taken = []
    for _ in range(GIVEN['mib']):
        taken.append(bytearray(b'x' * MIB))
    return len(taken)


def shared_memory():
    area = mmap.mmap(-1, GIVEN['mib'] * MIB)
    for at in range(0, len(area), 4096):
        area[at] = 1
    return GIVEN['mib']


def memory_file():
    fd = os.memfd_create('hog')
    for _ in range(GIVEN['mib']):
        os.write(fd, b'x' * MIB)
    return GIVEN['mib']


def system_v():
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(call('shmget', 0, GIVEN['mib'] * MIB, 0o1600), None, 0)
    ctypes.memset(address, 1, GIVEN['mib'] * MIB)
    return GIVEN['mib']


def fill(directory):
    """Bytes that a file there can have, in KiB."""
    with open(f'{directory}/filler', 'wb', buffering=0) as out:
        written = until_refused(lambda _: out.write(b'x' * 65536))
    return {**written, 'kib': os.path.getsize(f'{directory}/filler') // 1024}


def files(directory):
    return until_refused(lambda i: os.close(os.open(f'{directory}/{i}', os.O_CREAT)))


def all_descriptors():
    return until_refused(lambda _: os.dup(0))


TAKE = {
    'processes': processes, 'threads': threads, 'bomb': bomb, 'daemon': daemon, 'spin': spin, 'memory': memory, 'shared memory': shared_memory,
    'a memory file': memory_file, 'System V memory': system_v, 'descriptors': all_descriptors, 'exit': lambda: os._exit(1),
    'tmp': lambda: fill('/tmp'), 'shm': lambda: fill('/dev/shm'), 'host': lambda: fill('/host'),
    'files of tmp': lambda: files('/tmp'), 'files of shm': lambda: files('/dev/shm'),
}


def f(event):
    GIVEN.update(event)
    return TAKE[event['take']]()
