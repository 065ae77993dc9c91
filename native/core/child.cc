// The child of a CLONE_VM clone: it walks a finished plan with raw system calls. No libc, no allocation, no exception; a test compares the
// undefined symbols of this library with an allow-list.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/socket.h>

#include "plan.h"
#include "raw.h"

namespace {

using sock::Plan;
using sock::raw::at;
using sock::raw::call;
using sock::wire::SetupFailure;
using sock::wire::Step;

constexpr unsigned long kRecursivePrivate = (1ul << 14) | (1ul << 18);  // MS_REC | MS_PRIVATE
constexpr int kMntDetach = 2;

[[noreturn]] void leave() noexcept {
  for (;;) (void)call(__NR_exit_group, 127);
}

struct Steps {
  SetupFailure* failure;
  long must(long result, Step step, uint32_t index = 0) const noexcept {
    if (result >= 0) return result;
    *failure = {step, index, static_cast<int32_t>(-result)};
    leave();
  }
};

unsigned length(const char* text) noexcept {
  unsigned n = 0;
  while (text[n]) n++;
  return n;
}

void move_tree(const Steps& s, const sock::MountMove& m, const char* target, uint32_t index) noexcept {
  s.must(call(__NR_move_mount, m.tree, at(""), AT_FDCWD, at(target), MOVE_MOUNT_F_EMPTY_PATH), Step::kMoveMount, index);
}

// The host's tree goes; the new root and what belongs into it remains.
void change_root(const Steps& s, const Plan& p) noexcept {
  s.must(call(__NR_mount, 0, at("/"), 0, kRecursivePrivate, 0), Step::kPrivateMounts);
  move_tree(s, p.mounts[0], p.staging, 0);
  s.must(call(__NR_chdir, at(p.staging)), Step::kChroot, 0);
  s.must(call(__NR_pivot_root, at("."), at(".")), Step::kPivot);
  s.must(call(__NR_umount2, at("."), kMntDetach), Step::kDetachOld);
  s.must(call(__NR_chdir, at("/")), Step::kChroot, 1);
  for (unsigned i = 1; i < p.mount_count; i++) move_tree(s, p.mounts[i], p.mounts[i].target, i);
}

void place_descriptors(const Steps& s, const Plan& p) noexcept {
  for (int i = 0; i < 3; i++) s.must(call(__NR_dup3, p.stdio[i], i, 0), Step::kDescriptors, static_cast<uint32_t>(i));
  s.must(call(__NR_dup3, p.control, 3, 0), Step::kDescriptors, 3);
  s.must(call(__NR_close_range, 4, ~0u, 0), Step::kDescriptors, 4);
}

// What a zygote needs for its leaves, and bounding sets need for being emptied. No power over networks, devices or files, none over limits: those are
// of the kernel's most broken parts, and a lambda's code may have such a zygote to itself.
constexpr uint64_t kKept = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_SETPCAP;

// Of the bounding set: the exec takes from the process what is not in it.
void drop_capabilities(const Steps& s) noexcept {
  for (uint32_t capability = 0; capability < 64; capability++) {
    if (kKept >> capability & 1) continue;
    const long dropped = call(__NR_prctl, PR_CAPBSET_DROP, static_cast<long>(capability));
    if (dropped == -EINVAL) return;  // the kernel has no more of them
    s.must(dropped, Step::kCapabilities, capability);
  }
}

void write_file(const Steps& s, const char* path, const char* text) noexcept {
  const long fd = s.must(call(__NR_openat, AT_FDCWD, at(path), O_WRONLY | O_CLOEXEC), Step::kWriteFile, 0);
  s.must(call(__NR_write, fd, at(text), length(text)), Step::kWriteFile, 1);
  (void)call(__NR_close, fd);
}

}  // namespace

// The order stands for these reasons: files of the host's /proc are written while it is there; the user namespace comes before the others, so
// that it owns them, and its limit is written by a process in it: no user namespace below it, in which all capabilities would be back; mounts are moved while the process is still the host's root, who alone may walk to their places; limits are set
// before the ids change; the ids end the host's root; the parent-death signal comes after them, since they clear it; no_new_privs is what
// lets the filter in, and the filter is last.
void sock_walk_spawn(void* plan) noexcept {
  const Plan& p = *static_cast<Plan*>(plan);
  const Steps s{&static_cast<Plan*>(plan)->failure};
  write_file(s, "/proc/self/oom_score_adj", p.oom_score_adj);
  s.must(call(__NR_setns, p.user, CLONE_NEWUSER), Step::kEnterUser);
  write_file(s, "/proc/sys/user/max_user_namespaces", "0");
  s.must(call(__NR_unshare, static_cast<long>(p.namespaces)), Step::kUnshare);
  change_root(s, p);
  place_descriptors(s, p);
  s.must(call(__NR_sethostname, at(p.hostname), length(p.hostname)), Step::kHostname);
  for (unsigned i = 0; i < p.limit_count; i++) {
    const uint64_t both[2] = {p.limits[i].value, p.limits[i].value};
    s.must(call(__NR_prlimit64, 0, p.limits[i].resource, at(both), 0), Step::kLimits, i);
  }
  s.must(call(__NR_setsid), Step::kSession);
  s.must(call(__NR_setgroups, 0, 0), Step::kIds, 0);
  s.must(call(__NR_setresgid, 0, 0, 0), Step::kIds, 1);
  s.must(call(__NR_setresuid, 0, 0, 0), Step::kIds, 2);
  drop_capabilities(s);
  s.must(call(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0), Step::kKeyring);
  s.must(call(__NR_umask, 022), Step::kSession, 1);
  const uint64_t no_signals = 0;
  s.must(call(__NR_rt_sigprocmask, SIG_SETMASK, at(&no_signals), 0, sizeof no_signals), Step::kSession, 2);
  const uint64_t by_default[4] = {};  // the kernel's sigaction: CLONE_CLEAR_SIGHAND leaves ignored what the worker ignores
  for (int signal = 1; signal <= 64; signal++) (void)call(__NR_rt_sigaction, signal, at(by_default), 0, sizeof no_signals);
  s.must(call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL), Step::kSession, 3);
  s.must(call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), Step::kNoNewPrivs);
  s.must(call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, at(&p.filter)), Step::kSeccomp);
  s.must(call(__NR_execve, at(p.path), at(p.argv), at(p.envp)), Step::kExec);
  leave();
}

// Off every request's path (about 0.7 ms). The namespace belongs to the zygote's user namespace, else its leaves may not enter it.
void sock_walk_network(void* p) noexcept {
  auto* plan = static_cast<sock::MakePlan*>(p);
  const Steps s{&plan->failure};
  s.must(call(__NR_setns, plan->user, CLONE_NEWUSER), Step::kEnterUser);
  s.must(call(__NR_unshare, CLONE_NEWNET), Step::kUnshare);
  const long inet = s.must(call(__NR_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), Step::kEnterNetwork, 0);
  ifreq loopback = {};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  const long up = call(__NR_ioctl, inet, SIOCSIFFLAGS, at(&loopback));
  (void)call(__NR_close, inet);
  s.must(up, Step::kEnterNetwork, 1);
  plan->result = static_cast<int>(s.must(call(__NR_openat, AT_FDCWD, at("/proc/self/ns/net"), O_RDONLY | O_CLOEXEC), Step::kEnterNetwork, 2));
  for (;;) (void)call(__NR_exit_group, 0);
}

void sock_walk_proc(void* p) noexcept {
  auto* plan = static_cast<sock::MakePlan*>(p);
  const Steps s{&plan->failure};
  const long context = s.must(call(__NR_fsopen, at("proc"), FSOPEN_CLOEXEC), Step::kMountProc, 0);
  s.must(call(__NR_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0), Step::kMountProc, 1);
  const unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const long made = call(__NR_fsmount, context, FSMOUNT_CLOEXEC, attributes);
  (void)call(__NR_close, context);
  plan->result = static_cast<int>(s.must(made, Step::kMountProc, 2));
  for (;;) (void)call(__NR_exit_group, 0);
}

void sock_walk_wait(void*) noexcept {
  for (;;) (void)call(__NR_ppoll, 0, 0, 0, 0, 0);
}
