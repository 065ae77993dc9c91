import stat

WRONLY, RDWR, RDONLY = os.O_WRONLY, os.O_RDWR, os.O_RDONLY
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@attack
def read_secrets():
    """Those of the host's files that can be read here."""
    def readable(name):
        try:
            return os.listdir(name) is not None if os.path.isdir(name) else len(open(name, 'rb').read()) > 0
        except OSError:
            return False
    return [name for name in GIVEN.get('secrets', ['/etc/shadow']) if readable(name)]


@attack
def look_around():
    """Directories of a host that have something in them here."""
    places = ['/root', '/home', '/sys', '/boot', '/mnt', '/opt', '/srv', '/media', '/run', '/var/lib', '/var/log', '/packages', '/rehearsal/..data']
    return [p for p in places if os.path.isdir(p) and os.listdir(p)]


@attack
def writable_mounts():
    lines = [line.split() for line in open('/proc/self/mountinfo')]
    return sorted(fields[4] for fields in lines if 'rw' in fields[5].split(','))


@attack
def mounts_without_nosuid():
    return sorted(fields[4] for fields in map(str.split, open('/proc/self/mountinfo')) if 'nosuid' not in fields[5].split(','))


@attack
def mounts_with_devices():
    return sorted(fields[4] for fields in map(str.split, open('/proc/self/mountinfo')) if 'nodev' not in fields[5].split(','))


@attack
def writable_or_special_files():
    """All outside /private and /proc that can be written, or is a way out of the file system: socket, pipe, device. Of /usr, which is a
    read-only mount and takes a slow machine minutes, the first level."""
    found = []
    for directory, names, files in os.walk('/'):
        if directory == '/':
            names[:] = [n for n in names if n not in ('proc', 'private')]
            if GIVEN.get('host'):
                names[:] = ['dev', 'run']
        entries = [*names, *files]
        if directory == '/usr':
            names.clear()
        for name in entries:
            entry = os.path.join(directory, name)
            mode = os.lstat(entry).st_mode
            if stat.S_ISLNK(mode):
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or os.access(entry, os.W_OK):
                found.append(entry)
    return sorted(found)


@attacks(usr='/usr/local/attack', etc='/etc/attack', root='/attack', handler='/handler/attack', runtime='/runtime/attack',
         packages='/packages/attack', rehearsal='/rehearsal/attack', dev='/dev/attack', var='/var/attack', run='/run/attack',
         private='/private/attack')
def create(name):
    if GIVEN.get('host'):
        for directory in ('/usr/local', '/etc'):
            call('mount', ctypes.c_char_p(b'none'), ctypes.c_char_p(directory.encode()), ctypes.c_char_p(b'tmpfs'), 0, 0)
    os.close(os.open(name, CREATE))


@attacks(program='/usr/bin/env', interpreter='/proc/self/exe', library='/etc/ld.so.cache', code='/handler/f.py', runtime='/runtime/leaf.py',
         preloaded='/runtime/guest.so', accounts='/etc/passwd')
def open_for_writing(name): os.close(os.open(name, RDWR))


@attack
def write_by_mapping():
    """A shared page of a program's file, made writable after it was mapped for reading."""
    libc.mmap.restype = ctypes.c_void_p
    area = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, os.open('/usr/bin/env', RDONLY), ctypes.c_long(0))  # PROT_READ, MAP_SHARED
    if libc.mprotect(ctypes.c_void_p(area), ctypes.c_size_t(4096), 3) != 0:
        raise OSError(ctypes.get_errno(), 'mprotect')


@attacks(mode=lambda: os.chmod('/usr/bin/env', 0o777), owner=lambda: os.chown('/handler/f.py', os.getuid(), -1),
         times=lambda: os.utime('/etc/passwd'), attribute=lambda: os.setxattr('/usr/bin/env', 'user.x', b'x'),
         name=lambda: os.rename('/handler/f.py', '/handler/g.py'), gone=lambda: os.unlink('/handler/f.py'))
def change(what): what()


@attack
def link_a_host_file(): os.link('/usr/bin/env', '/tmp/env')


@attacks(hostname='/proc/sys/kernel/hostname', core_pattern='/proc/sys/kernel/core_pattern', modprobe='/proc/sys/kernel/modprobe',
         panic='/proc/sys/kernel/panic', drop_caches='/proc/sys/vm/drop_caches', forward='/proc/sys/net/ipv4/ip_forward',
         ping='/proc/sys/net/ipv4/ping_group_range', message_queues='/proc/sys/fs/mqueue/queues_max', shared_memory='/proc/sys/kernel/shmmax',
         sysrq='/proc/sysrq-trigger', oom='/proc/self/oom_score_adj', uid_map='/proc/self/uid_map', setgroups='/proc/self/setgroups',
         memory='/proc/self/mem', coredump='/proc/self/coredump_filter', timer_slack='/proc/self/timerslack_ns', next_pid='/proc/sys/kernel/ns_last_pid')
def open_proc_for_writing(name): os.close(os.open(name, WRONLY))


@attack
def kernel_addresses():
    with open('/proc/kallsyms') as symbols:
        return any(int(line.split()[0], 16) != 0 for line in symbols)


@attacks(memory='/proc/kcore', keys='/proc/keys', timers='/proc/timer_list', messages='/proc/kmsg',
         interrupts='/proc/interrupts')
def read_masked(name):
    fd = os.open(name, RDONLY | os.O_NONBLOCK)
    if name == '/proc/kmsg' and GIVEN.get('host'):
        return 'not read, since that takes it from the log'
    return len(os.read(fd, 64))


@attack
def devices(): return sorted(os.listdir('/dev'))


@attacks(**{name.replace('/', '_'): name for name in ('mem', 'kmsg', 'fuse', 'net/tun', 'kvm', 'ptmx', 'port', 'loop-control', 'userfaultfd', 'vsock', 'hwrng')})
def open_device(name): os.close(os.open(f'/dev/{name}', RDONLY | os.O_NONBLOCK))


@attack
def any_block_device():
    opened = []
    for name in os.listdir('/dev'):
        if stat.S_ISBLK(os.stat(f'/dev/{name}').st_mode):
            try:
                os.close(os.open(f'/dev/{name}', RDONLY | os.O_NONBLOCK))
                opened.append(name)
            except OSError:
                pass
    return opened


@attack
def cgroup_tree():
    return [fields[4] for fields in map(str.split, open('/proc/self/mountinfo')) if 'cgroup' in ' '.join(fields[6:])]
