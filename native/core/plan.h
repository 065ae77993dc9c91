// What a spawned process does between its clone and its exec: a plan that the parent finishes beforehand, since the child shares the parent's
// memory (CLONE_VM) and may neither allocate nor use libc. spawn.h makes it, child.cc walks it.
#pragma once

#include <linux/filter.h>
#include <stdint.h>

#include "wire.h"

namespace sock {

/// A detached mount and the place where it goes, a path in the new root.
struct MountMove {
  int tree;
  const char* target;
};

struct Limit {
  int resource;  // RLIMIT_…
  uint64_t value;
};

/// All descriptors are >= kPlanFds, so that placing them at their numbers overwrites none.
inline constexpr int kPlanFds = 64;

struct Plan {
  int user;                 // user namespace to enter
  uint64_t namespaces;      // CLONE_NEW… to unshare, owned by that user namespace
  const char* staging;      // an empty directory of the host on which the new root is first attached
  const MountMove* mounts;  // the first is the new root itself, its target ""
  unsigned mount_count;
  const char* hostname;
  int control;  // becomes 3
  int stdio[3];  // become 0, 1, 2
  const Limit* limits;
  unsigned limit_count;
  sock_fprog filter;  // seccomp, installed last
  const char* oom_score_adj;
  const char* path;
  char* const* argv;
  char* const* envp;
  wire::SetupFailure failure;  // written by the child, read by the parent when it has resumed; step 0: none
};

/// Something made by a child that shares the parent's memory and descriptors.
struct MakePlan {
  int user;    // the user namespace to make it in, where that matters
  int result;  // the new descriptor, close-on-exec, in the parent's table
  wire::SetupFailure failure;
};

}  // namespace sock

extern "C" {
/// These are what a clone calls, so that nothing compiled otherwise runs in between. The first takes a sock::Plan, the next two a sock::MakePlan.
[[noreturn]] void sock_walk_spawn(void* plan) noexcept;
[[noreturn]] void sock_walk_network(void* plan) noexcept;
[[noreturn]] void sock_walk_proc(void* plan) noexcept;
/// Does nothing until it is killed.
[[noreturn]] void sock_walk_wait(void*) noexcept;
}
