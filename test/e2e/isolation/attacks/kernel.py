"""Kernel interfaces that no lambda needs: refused before the kernel looks at their arguments."""
import fcntl
import mmap


def path(text):
    return ctypes.c_char_p(text.encode())


@attack
def ptrace_child():
    pid = os.fork()
    if pid == 0:
        os.read(os.pipe()[0], 1)
    try:
        call('ptrace', 0x4206, pid, 0, 0)  # SEIZE
    finally:
        os.kill(pid, 9)


@attack
def ptrace_traceme(): return call('ptrace', 0, 0, 0, 0)


def vector(address, size):
    return struct.pack('QQ', address, size)


@attacks(readv='process_vm_readv', writev='process_vm_writev')
def other_memory(name):
    buffer = ctypes.create_string_buffer(8)
    here = vector(ctypes.addressof(buffer), 8)
    pid = os.fork()
    if pid == 0:
        os.read(os.pipe()[0], 1)
    try:
        return call(name, pid, here, 1, here, 1, 0)
    finally:
        os.kill(pid, 9)


@attack
def take_descriptor():
    pid = os.fork()
    if pid == 0:
        os.read(os.pipe()[0], 1)
    try:
        return call('pidfd_getfd', call('pidfd_open', pid, 0), 1, 0)
    finally:
        os.kill(pid, 9)


@attack
def kcmp(): return call('kcmp', os.getpid(), os.getpid(), 0, 0, 1)


@attack
def keyctl_session(): return call('keyctl', 0, -3, 1)


@attack
def keyctl_describe(): return call('keyctl', 6, -4, 0, 0)


@attack
def add_key(): return call('add_key', path('user'), path('sock-attack'), path('x'), 1, -2)


@attack
def request_key():
    call('add_key', path('user'), path('sock-attack'), path('x'), 1, -2)
    return call('request_key', path('user'), path('sock-attack'), 0, 0)


@attack
def bpf_map(): return call('bpf', 0, struct.pack('4I', 2, 4, 4, 1) + bytes(112), 128)


@attack
def bpf_program():
    code = struct.pack('BBhi', 0xB7, 0, 0, 0) + struct.pack('BBhi', 0x95, 0, 0, 0)
    buffer, license = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b'GPL')
    return call('bpf', 5, struct.pack('IIQQIIQ', 1, 2, ctypes.addressof(buffer), ctypes.addressof(license), 0, 0, 0) + bytes(88), 128)


@attack
def perf_event(): return call('perf_event_open', struct.pack('IIQ', 1, 112, 0) + bytes(96), 0, -1, -1, 0)


@attack
def io_uring(): return call('io_uring_setup', 1, ctypes.create_string_buffer(120))


@attack
def watch():
    """A file that everybody shares: who opens it, and when."""
    return call('inotify_add_watch', call('inotify_init1', 0), path('/usr/bin/env'), 0x20)


@attack
def userfaultfd(): return call('userfaultfd', 0)


@attack
def file_handle():
    handle, mount = ctypes.create_string_buffer(struct.pack('Ii', 120, 0) + bytes(120)), ctypes.c_int()
    call('name_to_handle_at', -100, path('/usr'), handle, ctypes.byref(mount), 0)
    return call('open_by_handle_at', os.open('/usr', os.O_RDONLY), handle, os.O_RDONLY)


@attack
def made_up_file_handle():
    """Inode 2 is the root directory of an ext4: what Docker containers were left through in 2014."""
    handle = struct.pack('IiII', 8, 1, 2, 0)
    return call('open_by_handle_at', os.open('/usr', os.O_RDONLY), handle, os.O_RDONLY)


@attack
def no_address_randomization(): return call('personality', 0x0040000)


@attack
def x32_call(): return call(0x40000000 + NR['getpid'])


@attack
def call_by_interrupt():
    """getpid as a 32-bit call: other numbers, which a filter for 64-bit ones would let pass."""
    area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(b'\xb8\x14\x00\x00\x00\xcd\x80\xc3')  # mov eax, 20; int 0x80; ret
    code = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(area)))
    return code() == os.getpid()


@attack
def set_time(): return call('settimeofday', 0, 0)


@attack
def set_clock(): return call('clock_settime', 0, struct.pack('qq', 0, -1))


@attack
def adjust_clock(): return call('adjtimex', ctypes.create_string_buffer(208))


@attack
def kernel_log(): return call('syslog', 10, 0, 0)


@attack
def io_ports(): return call('iopl', 3)


@attack
def io_port_bits(): return call('ioperm', 0x80, 1, 1)


@attack
def segment_table(): return call('modify_ldt', 0, ctypes.create_string_buffer(16), 16)


@attack
def hang_up():
    os.setsid()
    return call('vhangup')


@attack
def reboot(): return call('reboot', 0, 0, 0, 0)


@attack
def load_kernel(): return call('kexec_load', 0, 99, 0, 0)


@attack
def load_module(): return call('init_module', 0, 16, path(''))


@attack
def swap_on(): return call('swapon', path('/nonexistent'), 0)


@attack
def quota(): return call('quotactl', 0x80000700, path('/nonexistent'), 0, 0)


@attack
def accounting(): return call('acct', path('/nonexistent/file'))


@attack
def watch_everything(): return call('fanotify_init', 0, 0)


@attacks(plain=0, high_bits=1 << 32)
def push_input(bits):
    return call(16 if platform.machine() == 'x86_64' else 29, 0, 0x5412 | bits, ctypes.create_string_buffer(b'x'))


@attacks(console_selection=0x541C, line_discipline=0x5423, console=0x541D)
def terminal(request): return fcntl.ioctl(0, request, b'\0' * 8)


@attacks(packet=17, vsock=40, alg=38, bluetooth=31, can=29, xdp=44, tipc=30, rds=21)
def socket_family(family): socket.socket(family, {17: 2, 40: 1, 38: 5, 31: 3, 29: 3, 44: 3, 30: 2, 21: 5}[family], {31: 1, 29: 1}.get(family, 0)).close()


@attacks(ip=(socket.AF_INET, 255), icmp=(socket.AF_INET, 1), ip6=(socket.AF_INET6, 255))
def raw_socket(what): socket.socket(what[0], socket.SOCK_RAW, what[1]).close()


@attack
def ping_socket(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).close()


@attack
def audit_messages():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as audit:
        audit.bind((0, 1))  # the log's readers


@attacks(block=0o060600, character=0o020600)
def make_device(mode):
    name = f'/tmp/device-{os.getpid()}'
    call('mknodat', -100, path(name), mode, os.makedev(254, 0) if mode & 0o040000 else os.makedev(1, 11))
    os.unlink(name)
