"""One lambda leaves whatever it can; another, in the same slot, looks for it."""
NAME = b'/sock-left'
IPC = {'x86_64': dict(shmget=29, semget=64, msgget=68, mq_open=240, setsockopt=54), 'aarch64': dict(shmget=194, semget=190, msgget=186, mq_open=180)}
NR.update(IPC[platform.machine()])
CREATE, KEY = 0o1666, 0x50C4


def attempt(function):
    try:
        function()
        return True
    except OSError:
        return False


def files():
    for directory in ('/tmp', '/dev/shm', '/host', '/var/tmp'):
        attempt(lambda: os.makedirs(f'{directory}/left/deep'))


def ipc():
    call('shmget', KEY, 4096, CREATE)
    call('semget', KEY, 1, CREATE)
    call('msgget', KEY, CREATE)
    os.close(call('mq_open', ctypes.c_char_p(NAME[1:]), os.O_CREAT | os.O_RDWR, 0o666, 0))


def daemon():
    """A process that has left its parents, and listens."""
    ready, done = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
                tcp.bind(('127.0.0.1', 5555))
                tcp.listen()
                unix.bind('\0sock-left')
                unix.listen()
                os.write(done, b'x')
                while True:
                    tcp.accept()[0].close()
        os._exit(0)
    os.read(ready, 1)


def connections():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 5556))
        server.listen()
        with socket.create_connection(('127.0.0.1', 5556)) as client:
            server.accept()[0].close()
            client.recv(1)


def counters():
    """No packet, but the kernel counts that there was no route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for _ in range(77):
            attempt(lambda: udp.sendto(b'x', ('192.0.2.1', 9)))


def flow_label():
    """An IPv6 flow label outlives its socket."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        label = struct.pack('16s I B B H H H I', socket.inet_pton(socket.AF_INET6, '2001:db8::1'), socket.htonl(0x50C4), 0, 255, 1, 60, 60, 0)
        udp.setsockopt(41, 32, label)


def leave():
    return [step.__name__ for step in (files, ipc, daemon, connections, counters, flow_label) if not attempt(step)]


def leave_without_packets():
    """What cannot be told from the loopback's traffic."""
    return [step.__name__ for step in (counters, flow_label) if not attempt(step)]


def look():
    found = {}
    found['files'] = [f'{d}/{n}' for d in ('/tmp', '/dev/shm', '/host', '/private') for n in sorted(os.listdir(d)) if d != '/private' or n not in ('tmp', 'shm', 'host')]
    found['ipc'] = [name for name in ('shm', 'sem', 'msg') if len(open(f'/proc/sysvipc/{name}').read().splitlines()) > 1]
    found['queue'] = ['queue'] if attempt(lambda: os.close(call('mq_open', ctypes.c_char_p(NAME[1:]), os.O_RDWR, 0, 0))) else []
    found['processes'] = [name for name in os.listdir('/proc') if name.isdigit() and int(name) not in (1, os.getpid())]
    sockets = [line.split()[1] for name in ('tcp', 'udp') for line in open(f'/proc/net/{name}').read().splitlines()[1:]]
    found['sockets'] = [s for s in sockets] + [line for line in open('/proc/net/unix') if 'left' in line]
    found['labels'] = open('/proc/net/ip6_flowlabel').read().splitlines()[1:] if os.path.exists('/proc/net/ip6_flowlabel') else []
    lines = open('/proc/net/snmp').read().splitlines()
    named = {}
    for head, values in zip(lines[::2], lines[1::2]):
        named.update({head.split(':')[0] + k: int(v) for k, v in zip(head.split()[1:], values.split()[1:])})
    changing = ('IpDefaultTTL', 'IpForwarding', 'TcpRtoAlgorithm', 'TcpRtoMin', 'TcpRtoMax', 'TcpMaxConn')
    found['counters'] = [f'{k}={v}' for k, v in named.items() if v != 0 and k not in changing]
    return found


def f(event):
    if event['do'] == 'die':
        os._exit(0)
    return {'uid': os.getuid(), 'found': {'leave': leave, 'quiet': leave_without_packets, 'look': look}[event['do']]()}
