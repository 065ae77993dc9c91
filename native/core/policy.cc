#include "policy.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace sock {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t deny(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

// Newer than the oldest headers this builds with (Debian 12: Linux 6.1); the numbers are the same on every architecture.
enum : unsigned { kCachestat = 451, kFchmodat2 = 452, kFutexWake = 454, kFutexWait = 455, kFutexRequeue = 456, kMseal = 462 };

// What programs use that compute, read and write files, talk over sockets, and run programs of their own.
constexpr unsigned kAllowed[] = {
    // files
    __NR_read, __NR_write, __NR_close, __NR_fstat, __NR_lseek, __NR_pread64, __NR_pwrite64, __NR_readv, __NR_writev, __NR_preadv, __NR_pwritev,
    __NR_preadv2, __NR_pwritev2, __NR_openat, __NR_openat2, __NR_close_range, __NR_newfstatat, __NR_statx, __NR_faccessat, __NR_faccessat2,
    __NR_readlinkat, __NR_getdents64, __NR_getcwd, __NR_chdir, __NR_fchdir, __NR_mkdirat, __NR_unlinkat, __NR_renameat, __NR_renameat2,
    __NR_linkat, __NR_symlinkat, __NR_fchmod, __NR_fchmodat, kFchmodat2, __NR_fchown, __NR_fchownat, __NR_utimensat, __NR_truncate,
    __NR_ftruncate, __NR_fallocate, __NR_fsync, __NR_fdatasync, __NR_sync_file_range, __NR_syncfs, __NR_flock, __NR_fcntl, __NR_dup, __NR_dup3, __NR_pipe2,
    __NR_sendfile, __NR_splice, __NR_tee, __NR_copy_file_range, __NR_fadvise64, __NR_readahead, __NR_statfs, __NR_fstatfs, __NR_umask,
    __NR_memfd_create, __NR_getxattr, __NR_lgetxattr, __NR_fgetxattr,
    __NR_listxattr, __NR_llistxattr, __NR_flistxattr, __NR_setxattr, __NR_lsetxattr, __NR_fsetxattr, __NR_removexattr, __NR_lremovexattr,
    __NR_fremovexattr, kCachestat,
    // memory
    __NR_brk, __NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise, __NR_msync, __NR_mincore, __NR_mlock, __NR_mlock2, __NR_munlock,
    __NR_mlockall, __NR_munlockall, __NR_membarrier, __NR_shmget, __NR_shmat, __NR_shmdt, __NR_shmctl, __NR_pkey_alloc, __NR_pkey_free,
    __NR_pkey_mprotect, kMseal, __NR_get_mempolicy,
    // processes and threads
    __NR_execve, __NR_execveat, __NR_exit, __NR_exit_group, __NR_wait4, __NR_waitid, __NR_getpid, __NR_getppid, __NR_gettid, __NR_getpgid,
    __NR_setpgid, __NR_getsid, __NR_setsid, __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid, __NR_getresuid, __NR_getresgid,
    __NR_getgroups, __NR_setuid, __NR_setgid, __NR_setreuid, __NR_setregid, __NR_setresuid, __NR_setresgid, __NR_setfsuid, __NR_setfsgid,
    __NR_setgroups, __NR_capget, __NR_capset, __NR_getpriority, __NR_setpriority, __NR_getrlimit, __NR_setrlimit, __NR_prlimit64, __NR_getrusage, __NR_times,
    __NR_set_tid_address, __NR_set_robust_list, __NR_get_robust_list, __NR_rseq, __NR_futex, __NR_futex_waitv, kFutexWake, kFutexWait,
    kFutexRequeue, __NR_sched_yield, __NR_sched_getaffinity, __NR_sched_setaffinity, __NR_sched_getscheduler, __NR_sched_setscheduler,
    __NR_sched_getparam, __NR_sched_setparam, __NR_sched_get_priority_max, __NR_sched_get_priority_min, __NR_sched_rr_get_interval,
    __NR_sched_getattr, __NR_sched_setattr, __NR_ioprio_get, __NR_ioprio_set, __NR_getcpu, __NR_pidfd_open, __NR_pidfd_send_signal, __NR_restart_syscall,
    // signals, time, events
    __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_rt_sigpending, __NR_rt_sigtimedwait, __NR_rt_sigqueueinfo,
    __NR_rt_tgsigqueueinfo, __NR_rt_sigsuspend, __NR_sigaltstack, __NR_kill, __NR_tkill, __NR_tgkill, __NR_signalfd4, __NR_nanosleep,
    __NR_clock_nanosleep, __NR_clock_gettime, __NR_clock_getres, __NR_gettimeofday, __NR_getitimer, __NR_setitimer, __NR_timer_create,
    __NR_timer_settime, __NR_timer_gettime, __NR_timer_getoverrun, __NR_timer_delete, __NR_timerfd_create, __NR_timerfd_settime,
    __NR_timerfd_gettime, __NR_eventfd2, __NR_epoll_create1, __NR_epoll_ctl, __NR_epoll_pwait, __NR_epoll_pwait2, __NR_ppoll, __NR_pselect6,
    // sockets (which families: see base_policy) and System V queues inside the sandbox's own ipc namespace
    __NR_socketpair, __NR_bind, __NR_listen, __NR_accept, __NR_accept4, __NR_connect, __NR_getsockname, __NR_getpeername, __NR_sendto,
    __NR_recvfrom, __NR_sendmsg, __NR_recvmsg, __NR_sendmmsg, __NR_recvmmsg, __NR_setsockopt, __NR_getsockopt, __NR_shutdown, __NR_semget,
    __NR_semop, __NR_semctl, __NR_semtimedop, __NR_msgget, __NR_msgsnd, __NR_msgrcv, __NR_msgctl, __NR_mq_open, __NR_mq_unlink,
    __NR_mq_timedsend, __NR_mq_timedreceive, __NR_mq_notify, __NR_mq_getsetattr,
    // the rest
    __NR_uname, __NR_sysinfo, __NR_getrandom, __NR_landlock_create_ruleset, __NR_landlock_add_rule, __NR_landlock_restrict_self,
#if defined(__x86_64__)
    __NR_open, __NR_creat, __NR_stat, __NR_lstat, __NR_access, __NR_readlink, __NR_getdents, __NR_mkdir, __NR_rmdir, __NR_unlink, __NR_rename,
    __NR_link, __NR_symlink, __NR_chmod, __NR_chown, __NR_lchown, __NR_utime, __NR_utimes, __NR_futimesat, __NR_dup2, __NR_pipe, __NR_poll,
    __NR_select, __NR_epoll_create, __NR_epoll_wait, __NR_eventfd, __NR_signalfd, __NR_vfork, __NR_fork, __NR_getpgrp,
    __NR_pause, __NR_alarm, __NR_time, __NR_arch_prctl,
#endif
};

// Known and refused: the caller learns that it may not, rather than that the kernel cannot.
constexpr unsigned kRefused[] = {
    __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_kcmp, __NR_add_key, __NR_request_key, __NR_bpf, __NR_perf_event_open,
    __NR_init_module, __NR_finit_module, __NR_delete_module, __NR_kexec_load, __NR_reboot, __NR_swapon, __NR_swapoff, __NR_acct, __NR_quotactl,
    __NR_settimeofday, __NR_clock_settime, __NR_adjtimex, __NR_clock_adjtime, __NR_sethostname, __NR_setdomainname, __NR_syslog,
    // A watch on a file of the shared, read-only /usr would tell what the host and other sandboxes run.
    __NR_inotify_init1, __NR_inotify_add_watch, __NR_inotify_rm_watch,
    __NR_vhangup, __NR_name_to_handle_at, __NR_open_by_handle_at, __NR_fanotify_init, __NR_move_pages, __NR_migrate_pages, __NR_mbind,
    __NR_set_mempolicy, __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_fspick, __NR_mount_setattr, __NR_umount2, __NR_open_tree, __NR_pivot_root, __NR_chroot, __NR_pidfd_getfd, __NR_lookup_dcookie,
#if defined(__x86_64__)
    __NR_inotify_init, __NR_iopl, __NR_ioperm, __NR_modify_ldt, __NR_kexec_file_load, __NR_ustat,
#endif
};

// With what a leaf finishes its sandbox (native/guest), and nobody else.
constexpr unsigned kSetUp[] = {__NR_move_mount, __NR_setns, __NR_seccomp, __NR_keyctl};

constexpr unsigned kPrctl[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP,
                               PR_CAPBSET_READ, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_GET_PDEATHSIG, PR_SET_TIMERSLACK,
                               PR_GET_TIMERSLACK, PR_GET_TID_ADDRESS, PR_SET_VMA, PR_GET_KEEPCAPS, PR_GET_SECUREBITS, PR_GET_THP_DISABLE, PR_SET_THP_DISABLE};

constexpr uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

}  // namespace

Policy base_policy() {
  Policy p{.actions = {}, .rules = {}, .otherwise = deny(ENOSYS)};
  for (const unsigned number : kAllowed) p.actions[number] = kAllow;
  for (const unsigned number : kRefused) p.actions[number] = deny(EPERM);
  for (const unsigned number : kSetUp) p.actions[number] = kAllow;
  p.actions[__NR_clone3] = kAllow;
  p.actions[__NR_prctl] = kAllow;
  // Its /proc, and what masks files of it. No remount, which could make what is read-only writable.
  p.rules[__NR_mount] = {3, {{~0u, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, kAllow}, {~0u, MS_BIND, kAllow}}, deny(EPERM)};
  // For the zygote, who asks in this way whether it has threads; it changes nothing.
  p.rules[__NR_unshare] = {0, {{~0u, CLONE_THREAD, kAllow}}, deny(EPERM)};
  // A new namespace would give lambda code capabilities inside it; CLONE_PARENT would leave the sandbox's own process tree.
  p.rules[__NR_clone] = {0, {{kNamespaces | CLONE_PARENT, 0, kAllow}}, deny(EPERM)};
  p.rules[__NR_ioctl] = {1, {{~0u, TIOCSTI, deny(EPERM)}, {~0u, TIOCLINUX, deny(EPERM)}, {~0u, TIOCSETD, deny(EPERM)}, {~0u, TIOCCONS, deny(EPERM)}}, kAllow};
  p.rules[__NR_socket] = {0, {{~0u, AF_UNIX, kAllow}, {~0u, AF_INET, kAllow}, {~0u, AF_INET6, kAllow}, {~0u, AF_NETLINK, kAllow}}, deny(EAFNOSUPPORT)};
  p.rules[__NR_personality] = {0, {{~0u, 0, kAllow}, {~0u, ~0u, kAllow}}, deny(EPERM)};
  const ArgRule no_devices{2, {{S_IFMT, S_IFCHR, deny(EPERM)}, {S_IFMT, S_IFBLK, deny(EPERM)}}, kAllow};
  p.rules[__NR_mknodat] = no_devices;
#if defined(__x86_64__)
  p.rules[__NR_mknod] = {1, no_devices.cases, kAllow};
#endif
  return p;
}

Policy seal_policy() {
  Policy p{.actions = {}, .rules = {}, .otherwise = kAllow, .native_only = false};
  for (const unsigned number : kSetUp) p.actions[number] = deny(EPERM);
  p.actions[__NR_mount] = deny(EPERM);
  p.actions[__NR_clone3] = deny(ENOSYS);  // its flags are out of a filter's sight; libc falls back to clone
  ArgRule prctl{0, {}, deny(EPERM)};
  for (const unsigned option : kPrctl) prctl.cases.push_back({~0u, option, kAllow});
  p.rules[__NR_prctl] = prctl;
  return p;
}

}  // namespace sock
