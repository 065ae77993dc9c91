import fcntl


@attacks(loopback=lambda: [('127.0.0.1', GIVEN['port'])], addresses=lambda: [(a, GIVEN['port']) for a in GIVEN['addresses']],
         any_address=lambda: [('0.0.0.0', GIVEN['port']), ('127.0.0.2', GIVEN['port'])],
         worker=lambda: [('127.0.0.1', GIVEN['worker'])])
def reach(targets):
    """Those that accept a connection."""
    reached = []
    for target in targets():
        with socket.socket(socket.AF_INET6 if ':' in target[0] else socket.AF_INET) as tcp:
            tcp.settimeout(5)
            if tcp.connect_ex(target) == 0:
                reached.append(target[0])
    return reached


@attack
def send_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(('192.0.2.1', 53))
        return udp.send(b'x')


def connect_unix(name, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_UNIX, kind) as unix:
        unix.connect(name)


@attack
def abstract_socket():
    try:
        connect_unix('\0' + GIVEN['abstract'])
    except ConnectionRefusedError:
        connect_unix(('\0' + GIVEN['abstract']).ljust(108, '\0'))  # how older Node versions name it


@attack
def path_socket(): connect_unix(GIVEN['path'])


@attacks(docker='/run/docker.sock', dbus='/run/dbus/system_bus_socket', systemd='/run/systemd/private')
def service_socket(name): connect_unix(name)


@attack
def see_sockets():
    """What /proc/net tells of the host."""
    names = ('tcp', 'tcp6', 'udp', 'unix')
    text = ''.join(open(f'/proc/net/{name}').read() for name in names if os.path.exists(f'/proc/net/{name}'))
    return f':{GIVEN["port"]:04X}' in text or GIVEN['abstract'] in text


@attack
def interfaces(): return sorted(name for _, name in socket.if_nameindex())


@attack
def routes(): return len(open('/proc/net/route').read().splitlines()) - 1


@attack
def give_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        address = struct.pack('HH4s8x', socket.AF_INET, 0, bytes([10, 9, 8, 7]))
        fcntl.ioctl(udp, 0x8916, struct.pack('16s16s', b'lo', address))  # SIOCSIFADDR


@attack
def make_interface():
    """RTM_NEWLINK of a dummy."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        kind = struct.pack('HH', 9, 1) + b'dummy' + b'\0' * 3
        info = struct.pack('HH', 4 + len(kind), 18) + kind
        link = struct.pack('BxHiII', 0, 0, 0, 0, 0) + info
        route.send(struct.pack('IHHII', 16 + len(link), 16, 0x605, 1, 0) + link)
        code = struct.unpack_from('i', route.recv(4096), 16)[0]
        if code < 0:
            raise OSError(-code, 'RTM_NEWLINK')


@attack
def forge_credentials():
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack('3i', os.getpid(), 0, 0))])


@attack
def raise_mark():
    with socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, 36, 1)  # SO_MARK


@attack
def bind_to_device():
    with socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, 25, b'eth0\0')


@attack
def be_transparent():
    with socket.socket() as tcp:
        tcp.setsockopt(socket.SOL_IP, 19, 1)
