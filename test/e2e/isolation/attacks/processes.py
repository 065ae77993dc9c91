import signal


def pids():
    return sorted(int(name) for name in os.listdir('/proc') if name.isdigit())


def parent(pid):
    return int(next(line for line in open(f'/proc/{pid}/status') if line.startswith('PPid:')).split()[1])


@attack
def strangers():
    """All that are there but this one and those that it comes from."""
    found, own = set(pids()), os.getpid()
    while own:
        found.discard(own)
        own = parent(own)
    return sorted(found)


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it may not be signalled, but it is there


@attack
def signal_host():
    """Which of the pids that the host has given are processes here."""
    return [pid for pid in GIVEN['pids'] if alive(pid)]


@attack
def signal_any():
    own = {int(thread) for pid in pids() for thread in os.listdir(f'/proc/{pid}/task')}
    return [pid for pid in range(1, 65536) if pid not in own and alive(pid)][:10]


@attack
def open_host_by_pidfd():
    return call('pidfd_open', GIVEN['pids'][0], 0)


@attack
def kill_all():
    """Everything that may be killed, as often as it likes; the test looks at who is left."""
    for _ in range(3):
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return 'killed'


@attack
def kill_parent():
    """The first process of a sandbox has no parent that it can name."""
    return parent(1)


@attacks(environ='environ', memory='mem', root='root', maps='maps', fd='fd')
def open_of_host(name):
    entry = f'/proc/{GIVEN["pids"][0]}/{name}'
    if os.path.isdir(entry):
        return len(os.listdir(entry))
    return os.close(os.open(entry, os.O_RDONLY))


@attack
def kill_channel_peer():
    """Whoever holds the other end of descriptor 3, by the pidfd that the socket gives away (Linux 6.5)."""
    with socket.socket(fileno=os.dup(3)) as channel:
        try:
            pidfd = channel.getsockopt(socket.SOL_SOCKET, 77)  # SO_PEERPIDFD
        except OSError as error:
            return errno.errorcode[error.errno]
    call('pidfd_send_signal', pidfd, 0, 0, 0)
    return 'signalled'


@attack
def channel_peer():
    with socket.socket(fileno=os.dup(3)) as channel:
        pid, uid, gid = struct.unpack('3i', channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return {'pid': pid, 'root': uid == 0 or gid == 0}


@attack
def be_told_of_host():
    """Signals for the events of a descriptor may go to any process that the owner may signal."""
    import fcntl
    source, _ = os.pipe()
    fcntl.fcntl(source, fcntl.F_SETOWN, GIVEN['pids'][0])
    return fcntl.fcntl(source, fcntl.F_GETOWN)
