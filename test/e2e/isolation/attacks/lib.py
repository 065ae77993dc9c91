"""What the attacks of this directory share. A lambda is this file and one group after it; the control runs the very same source on the host.

f(event) runs the named attacks one by one, each in a process of its own, and says for each {"value": what it got} or {"errno": name},
{"error": text} or {"signal": number}.
"""
import ctypes
import errno
import json
import os
import platform
import socket
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
ATTACKS = {}
GIVEN = {}  # what the test tells about the host: pids, ports, paths

CLONE = dict(NEWTIME=0x80, NEWNS=0x20000, NEWCGROUP=0x2000000, NEWUTS=0x4000000, NEWIPC=0x8000000, NEWUSER=0x10000000, NEWPID=0x20000000,
             NEWNET=0x40000000)
SIGCHLD = 17

_X86 = dict(socket=41, clone=56, ptrace=101, syslog=103, setfsuid=122, personality=135, sched_setscheduler=144, vhangup=153, modify_ldt=154,
            pivot_root=155, prctl=157, inotify_init1=294, inotify_add_watch=254, adjtimex=159, chroot=161, acct=163, settimeofday=164, mount=165, umount2=166, swapon=167, reboot=169,
            sethostname=170, setdomainname=171, iopl=172, ioperm=173, init_module=175, quotactl=179, clock_settime=227, kexec_load=246,
            add_key=248, request_key=249, keyctl=250, ioprio_set=251, unshare=272, perf_event_open=298, fanotify_init=300,
            name_to_handle_at=303, open_by_handle_at=304, setns=308, process_vm_readv=310, process_vm_writev=311, kcmp=312, seccomp=317,
            bpf=321, userfaultfd=323, capset=126, getpid=39, mknodat=259)
_ARM = dict(socket=198, clone=220, ptrace=117, syslog=116, setfsuid=151, personality=92, sched_setscheduler=119, vhangup=58, pivot_root=41,
            prctl=167, inotify_init1=26, inotify_add_watch=27, adjtimex=171, chroot=51, acct=89, settimeofday=170, mount=40, umount2=39, swapon=224, reboot=142, sethostname=161,
            setdomainname=162, init_module=105, quotactl=60, clock_settime=112, kexec_load=104, add_key=217, request_key=218, keyctl=219,
            ioprio_set=30, unshare=97, perf_event_open=241, fanotify_init=262, name_to_handle_at=264, open_by_handle_at=265, setns=268,
            process_vm_readv=270, process_vm_writev=271, kcmp=272, seccomp=277, bpf=280, userfaultfd=282, capset=91, getpid=172, mknodat=33)
_BOTH = dict(pidfd_send_signal=424, io_uring_setup=425, open_tree=428, move_mount=429, fsopen=430, fsconfig=431, fsmount=432, fspick=433,
             pidfd_open=434, clone3=435, pidfd_getfd=438, mount_setattr=442, quotactl_fd=443)
NR = {**(_X86 if platform.machine() == 'x86_64' else _ARM), **_BOTH}


def call(name, *args):
    """A raw system call: the result, or OSError."""
    number = NR[name] if isinstance(name, str) else name
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def attack(function):
    ATTACKS[function.__name__] = function
    return function


def attacks(**variants):
    """As `attack`, for a function that takes one value: an attack <function>_<name> for each."""
    def add(function):
        for name, value in variants.items():
            ATTACKS[f'{function.__name__}_{name}'] = lambda value=value: function(value)
        return function
    return add


def wait(pid):
    """Waits for a child: its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def in_child(function):
    """Whether `function` returns in a forked child."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return wait(pid) == 0


def outcome(function):
    try:
        return {'value': function()}
    except OSError as error:
        return {'errno': errno.errorcode.get(error.errno, str(error.errno))}
    except Exception as error:
        return {'error': repr(error)}


def run(name):
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(source)
        with os.fdopen(sink, 'w') as out:
            if GIVEN.get('host'):
                own_mounts()
            out.write(json.dumps(outcome(ATTACKS[name])))
        os._exit(0)
    os.close(sink)
    with os.fdopen(source) as answers:
        text = answers.read()
    status = wait(pid)
    return json.loads(text) if text else {'signal': -status}


def own_mounts():
    """On the host: what one attack does to mounts is gone before the next one."""
    call('unshare', CLONE['NEWNS'])
    call('mount', 0, ctypes.c_char_p(b'/'), 0, 1 << 14 | 1 << 18, 0)  # MS_REC | MS_PRIVATE


def f(event):
    GIVEN.update(event.get('given', {}))
    return {name: run(name) for name in event['attacks']}


def control():
    """On the host: the event comes on stdin, the answer goes to stdout."""
    print(json.dumps(f(json.load(sys.stdin))))
