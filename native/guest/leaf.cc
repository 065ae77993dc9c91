#include "leaf.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../core/raw.h"

namespace sock::guest {
namespace {

using raw::at;
using raw::call;
using wire::Step;

constexpr int kChannelFd = 3;
constexpr unsigned long kReadOnly = 1, kNoSuid = 2, kNoDev = 4, kNoExec = 8, kBind = 4096;  // MS_…

[[noreturn]] void fail(int channel, Step step, uint32_t index, long error) noexcept {
  struct {
    wire::FrameHeader header;
    wire::SetupFailure failure;
  } frame = {{sizeof(wire::SetupFailure), wire::kVersion, wire::Type::kFailed, 0, 0}, {step, index, static_cast<int32_t>(-error)}};
  (void)call(__NR_write, channel, at(&frame), sizeof frame);  // nobody is left to tell when this fails
  for (;;) (void)call(__NR_exit_group, 1);
}

// Knows where to complain; each step is one line of contain().
struct Steps {
  int channel;
  void must(long result, Step step, uint32_t index = 0) const noexcept {
    if (result < 0) fail(channel, step, index, result);
  }
};

void move_tree(const Steps& s, int tree, const char* target, uint32_t index) noexcept {
  s.must(call(__NR_move_mount, tree, at(""), AT_FDCWD, at(target), MOVE_MOUNT_F_EMPTY_PATH), Step::kMoveMount, index);
}

// The fresh /proc shows this pid namespace only. Read-only: nothing under /proc/sys, /proc/irq or /proc/self can be written.
void mount_proc(const Steps& s, uint32_t masks) noexcept {
  s.must(call(__NR_mount, at("proc"), at("/proc"), at("proc"), kReadOnly | kNoSuid | kNoDev | kNoExec, 0), Step::kMountProc);
  uint32_t index = 0;
  for (const char* path : wire::kMaskedProc) {
    if (masks & (1u << index)) s.must(call(__NR_mount, at("/dev/null"), at(path), 0, kBind, 0), Step::kMask, index);
    index++;
  }
}

// The zygote's standard input is one open file for all of its leaves, and the flags of an open file are what one could tell another by.
void keep_descriptors(const Steps& s, const int* fds) noexcept {
  const long null = call(__NR_openat, AT_FDCWD, at("/dev/null"), O_RDONLY | O_CLOEXEC);
  s.must(null, Step::kDescriptors, 5);
  s.must(call(__NR_dup3, null, 0, 0), Step::kDescriptors, 0);
  s.must(call(__NR_dup3, fds[wire::kStdout], 1, 0), Step::kDescriptors, 1);
  s.must(call(__NR_dup3, fds[wire::kStderr], 2, 0), Step::kDescriptors, 2);
  s.must(call(__NR_dup3, fds[wire::kChannel], kChannelFd, O_CLOEXEC), Step::kDescriptors, 3);
  s.must(call(__NR_close_range, kChannelFd + 1, ~0u, 0), Step::kDescriptors, 4);
}

void limit(const Steps& s, int resource, uint64_t value) noexcept {
  if (value == 0) return;
  const struct {
    uint64_t soft, hard;
  } limits = {value, value};
  s.must(call(__NR_prlimit64, 0, resource, at(&limits), 0), Step::kLimits, static_cast<uint32_t>(resource));
}

}  // namespace

uint32_t maskable() noexcept {
  uint32_t found = 0, bit = 1;
  for (const char* path : wire::kMaskedProc) {
    struct stat file = {};
    if (call(__NR_newfstatat, AT_FDCWD, at(path), at(&file), 0) == 0 && (file.st_mode & S_IROTH)) found |= bit;
    bit <<= 1;
  }
  return found;
}

// The order stands for these reasons:
// - the namespaces and mounts need the capabilities of the zygote's user namespace, so they come first;
// - limits before the ids: a leaf that is over its process limit must fail here, not in lambda code;
// - the ids drop every capability with them (capabilities(7), "effect of user ID changes"); capset makes that certain;
// - the session keyring after the ids, so that the leaf owns it; the parent-death signal after them, since they clear it;
// - the seal last: it refuses the calls made above.
// What a clone inherits the zygote has done once: its mount namespace holds nothing but the sandbox's read-only root (it pivoted into it, and the
// host's tree is gone), the bounding set is empty, no_new_privs is set, and the base filter installed.
void contain(const wire::ForkRequest& request, const int* fds, uint32_t masks, const sock_fprog& seal) noexcept {
  const Steps s{fds[wire::kChannel]};
  s.must(call(__NR_setns, fds[wire::kNetwork], CLONE_NEWNET), Step::kEnterNetwork);
  mount_proc(s, masks);
  move_tree(s, fds[wire::kScratch], "/private", 0);
  if (request.has_handler) move_tree(s, fds[wire::kHandler], "/handler", 1);
  keep_descriptors(s, fds);
  const Steps t{kChannelFd};
  limit(t, RLIMIT_DATA, request.data_bytes);
  limit(t, RLIMIT_NPROC, request.processes);
  t.must(call(__NR_setsid), Step::kSession);
  t.must(call(__NR_setgroups, 0, 0), Step::kIds, 0);
  t.must(call(__NR_setresgid, request.uid, request.uid, request.uid), Step::kIds, 1);
  t.must(call(__NR_setresuid, request.uid, request.uid, request.uid), Step::kIds, 2);
  const __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  t.must(call(__NR_capset, at(&header), at(none)), Step::kCapabilities);
  t.must(call(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0), Step::kKeyring);
  t.must(call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL), Step::kSession, 1);
  t.must(call(__NR_prctl, PR_SET_DUMPABLE, 1), Step::kSession, 2);  // so that /proc/self is its own
  t.must(call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, at(&seal)), Step::kSeccomp);
}

}  // namespace sock::guest
