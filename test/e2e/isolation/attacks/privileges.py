import signal
import subprocess
import resource

PR = dict(SET_PDEATHSIG=1, SET_KEEPCAPS=8, CAPBSET_DROP=24, SET_SECUREBITS=28, SET_MM=35, CAP_AMBIENT=47, SET_PTRACER=0x59616D61)


@attacks(own='self', of_the_first='1')
def identity(process):
    status = dict(line.split(':\t', 1) for line in open(f'/proc/{process}/status').read().splitlines() if ':\t' in line)
    keys = ('Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Seccomp_filters')
    return {key: status[key].split() for key in keys}


@attack
def setuid_root(): os.setuid(0)


@attack
def setgid_root(): os.setgid(0)


@attack
def setresuid_root(): os.setresuid(0, 0, 0)


@attack
def setreuid_root(): os.setreuid(-1, 0)


@attack
def setgroups_root(): os.setgroups([0])


@attack
def setfsuid_root():
    call('setfsuid', 0)
    return call('setfsuid', 0) == 0  # it tells the one before, whatever it does


@attack
def capset_all():
    header = struct.pack('Ii', 0x20080522, 0)
    return call('capset', header, struct.pack('6I', *[0xFFFFFFFF, 0xFFFFFFFF, 0, 0x1FF, 0x1FF, 0]))


@attack
def ambient_capability():
    call('capset', struct.pack('Ii', 0x20080522, 0), struct.pack('6I', *[1, 1, 1, 0, 0, 0]))
    return call('prctl', PR['CAP_AMBIENT'], 2, 0, 0, 0)


@attacks(**PR)
def prctl(option):
    # The least harmful use of each that root is allowed.
    second = {PR['CAPBSET_DROP']: 40, PR['CAP_AMBIENT']: 4, PR['SET_MM']: 99}.get(option, 0)
    return call('prctl', option, second, 0, 0, 0)


@attack
def seccomp_of_its_own():
    return call('seccomp', 2, 0, 0)  # GET_ACTION_AVAIL, or a filter: the call as such


@attack
def setuid_program():
    """What a setuid program becomes: AT_EUID as the kernel tells it. The loader does not print for those who have gained privileges."""
    out = subprocess.run(['/usr/bin/su', '--version'], env={'LD_SHOW_AUXV': '1'}, capture_output=True, text=True)
    if out.returncode != 0:
        raise OSError(errno.ENOEXEC, out.stderr)
    values = dict(line.split(':', 1) for line in out.stdout.splitlines() if line.startswith('AT_'))
    return {'euid': int(values['AT_EUID'])} if 'AT_EUID' in values else 'gained privileges'


@attacks(NOFILE=7, NPROC=6, CORE=4, MEMLOCK=8, MSGQUEUE=12)
def raise_limit(which):
    soft, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY:
        return 'unlimited already'
    libc.setrlimit.argtypes = ctypes.c_int, ctypes.c_char_p
    if libc.setrlimit(which, struct.pack('QQ', hard + 1, hard + 1)) != 0:
        raise OSError(ctypes.get_errno(), 'setrlimit')
    return 'raised'


@attack
def raise_priority(): os.setpriority(os.PRIO_PROCESS, 0, -5)


@attack
def realtime_priority(): os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@attack
def realtime_io(): return call('ioprio_set', 1, 0, 1 << 13)


@attack
def lock_memory():
    size = 16 << 20
    libc.mmap.restype = ctypes.c_void_p
    area = libc.mmap(None, ctypes.c_size_t(size), 3, 0x22, -1, ctypes.c_long(0))
    if libc.mlock(ctypes.c_void_p(area), ctypes.c_size_t(size)) != 0:
        raise OSError(ctypes.get_errno(), 'mlock')


@attack
def lower_oom_score():
    open('/proc/self/oom_score_adj', 'w').write('-1000')


@attack
def oom_score():
    return int(open('/proc/self/oom_score_adj').read())


@attack
def dump_core():
    """Whether a crash leaves a core: the flag in the wait status."""
    pid = os.fork()
    if pid == 0:
        os.chdir('/tmp')
        os.kill(os.getpid(), signal.SIGABRT)
    return os.WCOREDUMP(os.waitpid(pid, 0)[1])
