import tempfile

MS = dict(RDONLY=1, REMOUNT=32, BIND=4096)


def path(text):
    return ctypes.c_char_p(text.encode())


def do_mount(source, target, kind, flags=0, data=''):
    return call('mount', path(source), path(target), path(kind), flags, path(data))


@attacks(tmpfs='tmpfs', proc='proc', sysfs='sysfs', cgroup2='cgroup2', mqueue='mqueue', devpts='devpts')
def mount_new(kind): return do_mount('none', '/tmp', kind)


@attack
def mount_bind(): return do_mount('/usr', '/tmp', '', MS['BIND'])


@attack
def mount_overlay():
    for name in 'uw':
        os.makedirs(f'/tmp/{name}', exist_ok=True)
    os.makedirs('/tmp/m', exist_ok=True)
    do_mount('none', '/tmp', 'tmpfs')
    for name in 'uwm':
        os.mkdir(f'/tmp/{name}')
    return do_mount('none', '/tmp/m', 'overlay', 0, 'lowerdir=/usr,upperdir=/tmp/u,workdir=/tmp/w')


@attack
def remount_usr_writable():
    if '/handler' not in open('/proc/self/mounts').read():  # the control: a mount of its own that is read-only
        do_mount('/usr', '/usr', '', MS['BIND'])
        do_mount('none', '/usr', '', MS['REMOUNT'] | MS['BIND'] | MS['RDONLY'])
    return do_mount('none', '/usr', '', MS['REMOUNT'] | MS['BIND'])


@attack
def remount_proc_writable(): return do_mount('none', '/proc', '', MS['REMOUNT'] | MS['BIND'])


@attack
def umount_proc(): return call('umount2', path('/proc'), 2)


@attack
def uncover_masked_proc():
    return call('umount2', path('/proc/keys'), 0)


@attack
def clone_a_tree(): return call('open_tree', -100, path('/usr'), 1)


@attack
def open_a_tree(): return call('open_tree', -100, path('/usr'), 0)


@attack
def move_a_mount():
    return call('move_mount', -100, path('/proc'), -100, path('/tmp'), 0)


@attack
def fsopen(): return call('fsopen', path('tmpfs'), 0)


@attack
def fspick(): return call('fspick', -100, path('/proc'), 0)


@attack
def mount_setattr():
    return call('mount_setattr', -100, path('/proc'), 0, struct.pack('4Q', 0, 1, 0, 0), 32)


@attack
def pivot_root():
    return call('pivot_root', path('/tmp'), path('/tmp'))


@attack
def chroot(): return call('chroot', path('/tmp'))


@attack
def break_out_by_chroot():
    """The classic: a directory kept open, a chroot below it, then up and up."""
    above = os.open('/', os.O_RDONLY)
    call('chroot', path('/tmp'))
    os.fchdir(above)
    for _ in range(64):
        os.chdir('..')
    call('chroot', path('.'))
    return os.listdir('/')


@attack
def walk_up():
    """Whether any way up leads out of the root: every one must end at the same directory."""
    here = os.open('/', os.O_RDONLY)
    os.fchdir(here)
    for _ in range(64):
        os.chdir('..')
    identity = lambda p: (os.stat(p).st_dev, os.stat(p).st_ino) if os.access(p, os.X_OK) else identity('/')
    ways = ['.', '/..', '/proc/self/root', '/proc/1/root', '/proc/self/root/..', f'/proc/self/fd/{here}/..', '/proc/1/cwd', '/proc/thread-self/root']
    return sorted({name for name in ways if identity(name) != identity('/')})


@attacks(**CLONE)
def unshare(flag): return call('unshare', flag)


@attacks(**{name: flag for name, flag in CLONE.items() if name != 'NEWTIME'})
def clone(flag):
    pid = call('clone', flag | SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    wait(pid)


@attacks(plain=0, **CLONE)
def clone3(flag):
    pid = call('clone3', struct.pack('8Q', flag, 0, 0, 0, SIGCHLD, 0, 0, 0), 64)
    if pid == 0:
        os._exit(0)
    wait(pid)


@attack
def clone_parent():
    """A child of the parent, outside of this process's own tree."""
    pid = call('clone', 0x8000 | SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)


@attacks(**{kind: kind for kind in ('mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid', 'user', 'time')})
def enter_own(kind):
    return call('setns', os.open(f'/proc/self/ns/{kind}', os.O_RDONLY), 0)


@attacks(**{kind: kind for kind in ('mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid')})
def enter_of_init(kind):
    return call('setns', os.open(f'/proc/1/ns/{kind}', os.O_RDONLY), 0)


@attack
def enter_by_pidfd():
    return call('setns', call('pidfd_open', 1, 0), CLONE['NEWNET'])


@attack
def make_user_namespace_and_root():
    call('unshare', CLONE['NEWUSER'])
    open('/proc/self/uid_map', 'w').write(f'0 {os.getuid()} 1')


@attack
def set_host_name(): return call('sethostname', path('owned'), 5)


@attack
def set_domain_name(): return call('setdomainname', path('owned'), 5)
