// What lambda code may call and may not: base and seal together, on paper and in this kernel.
#include "../core/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bpf_machine.h"
#include "harness.h"
#include "rig.h"

extern char** environ;

namespace {

using namespace sock;
using namespace sock::test;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint64_t kHigh = 0xabcd000000000000;  // above what the kernel looks at in an int argument

// Calls that the oldest headers do not know; the numbers are the same on every architecture, but for those of x86 alone.
enum : unsigned {
  kMemfdSecret = 447,
  kCachestat = 451,
  kFchmodat2 = 452,
  kMapShadowStack = 453,
  kFutexWake = 454,
  kStatmount = 457,
  kListmount = 458,
  kLsmSetSelfAttr = 460,
  kMseal = 462,
  kOpenTreeAttr = 467
};

struct Row {
  const char* call;
  unsigned number;
  std::vector<uint64_t> arguments;
  int error;  // 0: allowed
};

#define CALL(name) #name, __NR_##name

uint64_t mode(uint64_t type) { return type | 0600; }

// A table: several rows a line.
// clang-format off
std::vector<Row> lambda_code() {
  std::vector<Row> rows{
      // it may compute, read and write, talk, and run programs of its own
      {CALL(read), {}, 0}, {CALL(write), {}, 0}, {CALL(openat), {}, 0}, {CALL(close), {}, 0}, {CALL(mmap), {}, 0}, {CALL(mprotect), {}, 0},
      {CALL(futex), {}, 0}, {CALL(execve), {}, 0}, {CALL(wait4), {}, 0}, {CALL(exit_group), {}, 0}, {CALL(rt_sigreturn), {}, 0}, {CALL(rt_sigaction), {}, 0},
      {CALL(kill), {}, 0}, {CALL(epoll_pwait), {}, 0}, {CALL(epoll_ctl), {}, 0}, {CALL(ppoll), {}, 0}, {CALL(connect), {}, 0}, {CALL(accept4), {}, 0},
      {CALL(sendmsg), {}, 0}, {CALL(recvmsg), {}, 0}, {CALL(clock_gettime), {}, 0}, {CALL(clock_nanosleep), {}, 0}, {CALL(getrandom), {}, 0},
      {CALL(memfd_create), {}, 0}, {CALL(sched_getaffinity), {}, 0}, {CALL(getdents64), {}, 0}, {CALL(statx), {}, 0}, {CALL(renameat2), {}, 0},
      {CALL(unlinkat), {}, 0}, {CALL(timerfd_create), {}, 0}, {CALL(eventfd2), {}, 0}, {CALL(rseq), {}, 0}, {CALL(set_robust_list), {}, 0},
      {CALL(pidfd_open), {}, 0}, {CALL(setitimer), {}, 0}, {CALL(landlock_restrict_self), {}, 0}, {"cachestat", kCachestat, {}, 0},
      {"fchmodat2", kFchmodat2, {}, 0}, {"futex_wake", kFutexWake, {}, 0}, {"mseal", kMseal, {}, 0},
      // ids: without a capability these change nothing, and programs call them
      {CALL(setuid), {}, 0}, {CALL(setgroups), {}, 0}, {CALL(capset), {}, 0},
      // mounts and roots
      {CALL(mount), {}, EPERM}, {CALL(umount2), {}, EPERM}, {CALL(pivot_root), {}, EPERM}, {CALL(chroot), {}, EPERM}, {CALL(move_mount), {}, EPERM},
      {CALL(open_tree), {}, EPERM}, {CALL(fsopen), {}, EPERM}, {CALL(fsconfig), {}, EPERM}, {CALL(fsmount), {}, EPERM}, {CALL(fspick), {}, EPERM},
      {CALL(mount_setattr), {}, EPERM}, {"open_tree_attr", kOpenTreeAttr, {}, ENOSYS}, {"statmount", kStatmount, {}, ENOSYS},
      {"listmount", kListmount, {}, ENOSYS}, {CALL(swapon), {}, EPERM}, {CALL(quotactl), {}, EPERM},
      // namespaces
      {CALL(unshare), {CLONE_NEWUSER}, EPERM}, {CALL(unshare), {0}, EPERM}, {CALL(setns), {}, EPERM}, {CALL(clone3), {}, ENOSYS},
      // other processes and the kernel's own insides
      {CALL(ptrace), {}, EPERM}, {CALL(process_vm_readv), {}, EPERM}, {CALL(process_vm_writev), {}, EPERM}, {CALL(process_madvise), {}, ENOSYS},
      {CALL(process_mrelease), {}, ENOSYS}, {CALL(kcmp), {}, EPERM}, {CALL(pidfd_getfd), {}, EPERM}, {CALL(bpf), {}, EPERM}, {CALL(perf_event_open), {}, EPERM},
      {CALL(seccomp), {}, EPERM}, {CALL(userfaultfd), {}, ENOSYS}, {CALL(io_uring_setup), {}, ENOSYS}, {CALL(io_uring_enter), {}, ENOSYS},
      {CALL(io_uring_register), {}, ENOSYS}, {CALL(io_setup), {}, ENOSYS}, {"memfd_secret", kMemfdSecret, {}, ENOSYS},
      {"map_shadow_stack", kMapShadowStack, {}, ENOSYS}, {"lsm_set_self_attr", kLsmSetSelfAttr, {}, ENOSYS}, {CALL(vmsplice), {}, ENOSYS},
      {CALL(keyctl), {}, EPERM}, {CALL(add_key), {}, EPERM}, {CALL(request_key), {}, EPERM},
      {CALL(name_to_handle_at), {}, EPERM}, {CALL(open_by_handle_at), {}, EPERM}, {CALL(fanotify_init), {}, EPERM},
      {CALL(mbind), {}, EPERM}, {CALL(set_mempolicy), {}, EPERM}, {CALL(move_pages), {}, EPERM}, {CALL(migrate_pages), {}, EPERM},
      // the machine
      {CALL(init_module), {}, EPERM}, {CALL(finit_module), {}, EPERM}, {CALL(delete_module), {}, EPERM}, {CALL(kexec_load), {}, EPERM},
      {CALL(reboot), {}, EPERM}, {CALL(syslog), {}, EPERM}, {CALL(acct), {}, EPERM}, {CALL(sethostname), {}, EPERM}, {CALL(setdomainname), {}, EPERM},
      {CALL(settimeofday), {}, EPERM}, {CALL(clock_settime), {}, EPERM}, {CALL(adjtimex), {}, EPERM}, {CALL(vhangup), {}, EPERM},
      // a terminal's input
      {CALL(ioctl), {0, TIOCSTI}, EPERM}, {CALL(ioctl), {0, TIOCSTI | kHigh}, EPERM}, {CALL(ioctl), {0, TIOCLINUX}, EPERM},
      {CALL(ioctl), {0, TIOCSETD}, EPERM}, {CALL(ioctl), {0, TIOCCONS}, EPERM}, {CALL(ioctl), {0, TCGETS}, 0}, {CALL(ioctl), {0, FIONREAD}, 0},
      {CALL(ioctl), {TIOCSTI, FIOCLEX}, 0},
      // sockets
      {CALL(socket), {AF_UNIX}, 0}, {CALL(socket), {AF_INET}, 0}, {CALL(socket), {AF_INET6}, 0}, {CALL(socket), {AF_NETLINK}, 0},
      {CALL(socket), {AF_INET | kHigh}, 0}, {CALL(socket), {AF_PACKET}, EAFNOSUPPORT}, {CALL(socket), {AF_PACKET | kHigh}, EAFNOSUPPORT},
      {CALL(socket), {AF_VSOCK}, EAFNOSUPPORT}, {CALL(socket), {AF_ALG}, EAFNOSUPPORT}, {CALL(socket), {AF_BLUETOOTH}, EAFNOSUPPORT},
      {CALL(socket), {AF_CAN}, EAFNOSUPPORT}, {CALL(socket), {AF_KEY}, EAFNOSUPPORT}, {CALL(socket), {AF_TIPC}, EAFNOSUPPORT},
      {CALL(socket), {AF_XDP}, EAFNOSUPPORT}, {CALL(socket), {AF_UNSPEC}, EAFNOSUPPORT}, {CALL(socketpair), {AF_UNIX}, 0},
      // prctl
      {CALL(prctl), {PR_SET_NAME}, 0}, {CALL(prctl), {PR_SET_NAME | kHigh}, 0}, {CALL(prctl), {PR_SET_NO_NEW_PRIVS}, 0},
      {CALL(prctl), {PR_CAPBSET_READ}, 0}, {CALL(prctl), {PR_SET_SECCOMP}, EPERM}, {CALL(prctl), {PR_SET_MM}, EPERM}, {CALL(prctl), {PR_SET_PTRACER}, EPERM},
      {CALL(prctl), {PR_SET_PDEATHSIG}, EPERM}, {CALL(prctl), {PR_CAP_AMBIENT}, EPERM}, {CALL(prctl), {PR_SET_KEEPCAPS}, EPERM},
      {CALL(prctl), {PR_SET_SECUREBITS}, EPERM}, {CALL(prctl), {PR_CAPBSET_DROP}, EPERM}, {CALL(prctl), {PR_SET_MM | kHigh}, EPERM},
      // personality: asking, and the plain one
      {CALL(personality), {0}, 0}, {CALL(personality), {0xffffffff}, 0}, {CALL(personality), {~0ull}, 0},
      {CALL(personality), {ADDR_NO_RANDOMIZE}, EPERM}, {CALL(personality), {READ_IMPLIES_EXEC | kHigh}, EPERM},
      // nodes
      {CALL(mknodat), {0, 0, mode(S_IFREG)}, 0}, {CALL(mknodat), {0, 0, 0600}, 0}, {CALL(mknodat), {0, 0, mode(S_IFIFO)}, 0}, {CALL(mknodat), {0, 0, mode(S_IFSOCK)}, 0},
      {CALL(mknodat), {0, 0, mode(S_IFCHR)}, EPERM}, {CALL(mknodat), {0, 0, mode(S_IFBLK)}, EPERM}, {CALL(mknodat), {0, 0, mode(S_IFCHR) | kHigh}, EPERM},
#if defined(__x86_64__)
      {CALL(fork), {}, 0}, {CALL(vfork), {}, 0}, {CALL(open), {}, 0}, {CALL(epoll_wait), {}, 0}, {CALL(arch_prctl), {}, 0},
      {CALL(iopl), {}, EPERM}, {CALL(ioperm), {}, EPERM}, {CALL(modify_ldt), {}, EPERM}, {CALL(kexec_file_load), {}, EPERM}, {CALL(uselib), {}, ENOSYS},
      {CALL(mknod), {0, mode(S_IFIFO)}, 0}, {CALL(mknod), {0, mode(S_IFCHR)}, EPERM}, {CALL(mknod), {0, mode(S_IFBLK)}, EPERM},
      {"x32 read", 0x40000000, {}, ENOSYS}, {"x32 ptrace", 0x40000000 + 521, {}, ENOSYS},
#endif
      {"a call of the future", 1000, {}, ENOSYS},
  };
  const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  // The kernel does not look at the high half of clone's flags.
  for (const uint64_t good : {uint64_t{SIGCHLD}, thread, uint64_t{CLONE_VM | CLONE_VFORK | SIGCHLD}, uint64_t{CLONE_PIDFD | SIGCHLD}, thread | uint64_t{CLONE_NEWUSER} << 32})
    rows.push_back({CALL(clone), {good}, 0});
  for (const uint64_t bad : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_PARENT})
    for (const uint64_t with : {uint64_t{0}, uint64_t{SIGCHLD}, thread, kHigh, uint64_t{CLONE_NEWUSER}}) rows.push_back({CALL(clone), {bad | with}, EPERM});
  return rows;
}

std::vector<Row> zygote_code() {
  return {
      {CALL(mount), {0, 0, 0, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC}, 0}, {CALL(mount), {0, 0, 0, MS_BIND}, 0}, {CALL(mount), {0, 0, 0, MS_BIND | MS_REMOUNT}, EPERM},
      {CALL(mount), {0, 0, 0, MS_REMOUNT}, EPERM}, {CALL(mount), {}, EPERM}, {CALL(mount), {0, 0, 0, MS_MOVE}, EPERM}, {CALL(mount), {0, 0, 0, MS_SHARED}, EPERM},
      {CALL(move_mount), {}, 0}, {CALL(setns), {}, 0}, {CALL(unshare), {CLONE_THREAD}, 0},
      {CALL(umount2), {}, EPERM}, {CALL(pivot_root), {}, EPERM}, {CALL(chroot), {}, EPERM}, {CALL(open_tree), {}, EPERM}, {CALL(unshare), {CLONE_NEWNS}, EPERM}, {CALL(seccomp), {}, 0}, {CALL(keyctl), {}, 0}, {CALL(clone3), {}, 0}, {CALL(prctl), {PR_CAPBSET_DROP}, 0},
      {CALL(fsopen), {}, EPERM}, {CALL(ptrace), {}, EPERM}, {CALL(bpf), {}, EPERM}, {CALL(open_by_handle_at), {}, EPERM}, {CALL(io_uring_setup), {}, ENOSYS},
      {CALL(init_module), {}, EPERM}, {CALL(pidfd_getfd), {}, EPERM}, {CALL(process_vm_readv), {}, EPERM}, {CALL(perf_event_open), {}, EPERM},
      {CALL(socket), {AF_PACKET}, EAFNOSUPPORT}, {CALL(add_key), {}, EPERM}, {CALL(clone), {CLONE_NEWUSER | SIGCHLD}, EPERM},
  };
}
// clang-format on

void check(const std::vector<Row>& rows, const std::vector<Policy>& installed) {
  std::vector<std::vector<sock_filter>> programs;
  for (const auto& policy : installed) programs.push_back(compile(policy));
  for (const Row& row : rows) {
    std::vector<uint32_t> answers;
    for (const auto& program : programs) answers.push_back(run_filter(program, call_data(row.number, row.arguments)).action);
    std::ostringstream what;
    what << row.call << "(" << std::hex;
    for (const uint64_t a : row.arguments) what << " " << a;
    what << " )";
    expect_equal(strictest(answers), row.error == 0 ? kAllow : SECCOMP_RET_ERRNO | static_cast<uint32_t>(row.error), what.str());
  }
}

TEST("policy: what lambda code may call and what it may not") { check(lambda_code(), {base_policy(), seal_policy()}); }
TEST("policy: what a zygote may call and what it may not") { check(zygote_code(), {base_policy()}); }

TEST("policy: the seal allows nothing that the base refuses, and no call kills or traces") {
  const auto base = compile(base_policy()), seal = compile(seal_policy());
  for (unsigned number = 0; number <= 600; number++) {
    const uint32_t before = run_filter(base, call_data(number)).action,
                   after = strictest({before, run_filter(seal, call_data(number)).action});
    for (const uint32_t r : {before, after})
      expect(r == kAllow || (r & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO, "call " + std::to_string(number));
    if (before != kAllow) expect(after != kAllow, "call " + std::to_string(number) + " came back");
  }
}

// ---- in this kernel --------------------------------------------------------------------------------------------------------------

void install(const Policy& policy) {
  auto program = compile(policy);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  sys("prctl", "no_new_privs", [] { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); });
  sys("seccomp", "", [&] { return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter); });
}
void install_both() {
  without_leak_check();  // it traces
  install(base_policy());
  install(seal_policy());
}

template <typename... Arguments>
void expect_refused(int error, const char* call, long number, Arguments... arguments) {
  errno = 0;
  const long result = syscall(number, arguments...);
  expect(result == -1, std::string(call) + " was allowed");
  expect_equal(errno, error, call);
}

TEST("kernel: both filters install, and refuse with the errno of the policy") {
  const OwnFd null = open_at(AT_FDCWD, "/dev/null", O_RDWR), user = open_at(AT_FDCWD, "/proc/self/ns/user", O_RDONLY);
  const TempDir directory;
  const std::string node = directory.path() + "/node";
  install_both();
  expect_refused(EPERM, "mount", SYS_mount, "none", "/tmp", "tmpfs", 0, 0);
  expect_refused(EPERM, "umount2", SYS_umount2, "/none", 0);
  expect_refused(EPERM, "unshare", SYS_unshare, CLONE_NEWUSER);
  expect_refused(EPERM, "setns", SYS_setns, user.get(), 0);
  for (const long space : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP})
    expect_refused(EPERM, "clone into a namespace", SYS_clone, space | SIGCHLD, 0, 0, 0, 0);
  clone_args args{};
  args.exit_signal = SIGCHLD;
  expect_refused(ENOSYS, "clone3", SYS_clone3, &args, sizeof args);
  expect_refused(EAFNOSUPPORT, "socket(AF_PACKET)", SYS_socket, AF_PACKET, SOCK_RAW, 0);
  expect_refused(EAFNOSUPPORT, "socket(AF_PACKET + high bits)", SYS_socket, static_cast<long>(AF_PACKET | kHigh), SOCK_RAW, 0);
  expect_refused(EPERM, "ioctl(TIOCSTI)", SYS_ioctl, null.get(), TIOCSTI, "x");
  expect_refused(EPERM, "ioctl(TIOCSTI + high bits)", SYS_ioctl, null.get(), static_cast<long>(TIOCSTI | kHigh), "x");
  expect_refused(ENOTTY, "ioctl(TCGETS)", SYS_ioctl, null.get(), TCGETS, 0);  // the filter lets it through
  expect_refused(EPERM, "ptrace", SYS_ptrace, 0, 0, 0, 0);
  expect_refused(EPERM, "keyctl", SYS_keyctl, 0, 0, 0, 0, 0);
  expect_refused(EPERM, "bpf", SYS_bpf, 0, 0, 0);
  expect_refused(EPERM, "perf_event_open", SYS_perf_event_open, 0, 0, 0, 0, 0);
  expect_refused(EPERM, "open_by_handle_at", SYS_open_by_handle_at, 0, 0, 0);
  expect_refused(EPERM, "seccomp", SYS_seccomp, 0, 0, 0);
  expect_refused(ENOSYS, "io_uring_setup", SYS_io_uring_setup, 1, 0);
  expect_refused(ENOSYS, "userfaultfd", SYS_userfaultfd, 0);
  expect_refused(EPERM, "prctl(PR_SET_SECCOMP)", SYS_prctl, PR_SET_SECCOMP, 2, 0, 0, 0);
  expect_refused(EPERM, "personality", SYS_personality, ADDR_NO_RANDOMIZE);
  expect_refused(EPERM, "mknod of a device", SYS_mknodat, AT_FDCWD, node.c_str(), S_IFCHR | 0600, 0x103);
  expect(syscall(SYS_personality, 0xffffffffl) >= 0, "personality cannot be asked for");
  sys("mknodat", "a fifo", [&] { return mknodat(AT_FDCWD, node.c_str(), S_IFIFO | 0600, 0); });
  sys("prctl", "name", [] { return prctl(PR_SET_NAME, "lambda", 0, 0, 0); });
  sys("socket", "inet", [] { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); });
}

TEST("kernel: with both filters, threads, forks and programs still start") {
  install_both();
  pthread_t thread;
  int reached = 0;
  expect_equal(pthread_create(
                   &thread, nullptr, [](void* p) -> void* { return *static_cast<int*>(p) = 1, nullptr; }, &reached),
               0, "pthread_create");
  (void)pthread_join(thread, nullptr);
  expect_equal(reached, 1, "the thread");
  expect_equal(in_fork([] { return 5; }), 5, "the fork");
  char name[] = "/bin/true";
  char* const argv[] = {name, nullptr};
  pid_t pid = 0;
  expect_equal(posix_spawn(&pid, name, nullptr, nullptr, argv, environ), 0, "posix_spawn");
  int status = -1;
  sys("waitpid", "", [&] { return waitpid(pid, &status, 0); });
  expect_equal(status, 0, "the program");
}

#if defined(__x86_64__)
TEST("kernel: a call through the 32-bit gate kills the process, one of x32 does not exist") {
  // Without a filter the gate is open or gives SIGSEGV, depending on the kernel's configuration.
  const int code = in_fork([] {
    install_both();
    long result = 20;  // getpid of i386
    __asm__ volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
    return 0;
  });
  if (code == 128 + SIGSEGV) skip("this kernel has no 32-bit calls");
  expect_equal(code, 128 + SIGSYS, "the 32-bit call");
  install_both();
  expect_refused(ENOSYS, "x32 getpid", 0x40000000 + SYS_getpid);
}
#endif

}  // namespace
