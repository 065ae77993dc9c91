#include "spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>

#include "plan.h"
#include "policy.h"
#include "sys.h"
#include "words.h"

namespace sock {
namespace {

// A duplicate that no descriptor number of the new process collides with.
OwnFd high(int fd, const char* what) {
  return OwnFd(sys("fcntl", what, [&] { return fcntl(fd, F_DUPFD_CLOEXEC, kPlanFds); }));
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Child spawn(const SpawnOptions& options) {
  std::vector<OwnFd> kept;
  const auto keep = [&](int fd, const char* what) {
    kept.push_back(high(fd, what));
    return kept.back().get();
  };
  std::vector<MountMove> mounts;
  for (const auto& m : options.mounts) mounts.push_back({keep(m.tree, "mount"), m.target.c_str()});
  std::vector<Limit> limits;
  for (const auto& [resource, value] : options.limits) limits.push_back({resource, value});
  std::vector<sock_filter> filter = compile(base_policy());
  const auto argv = pointers(options.argv), envp = pointers(options.environment);
  Plan plan{.user = keep(options.user, "user namespace"),
            .namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
            .staging = options.staging.c_str(),
            .mounts = mounts.data(),
            .mount_count = static_cast<unsigned>(mounts.size()),
            .hostname = options.hostname.c_str(),
            .control = keep(options.control, "control socket"),
            .stdio = {keep(options.stdio[0], "stdin"), keep(options.stdio[1], "stdout"), keep(options.stdio[2], "stderr")},
            .limits = limits.data(),
            .limit_count = static_cast<unsigned>(limits.size()),
            .filter = {static_cast<unsigned short>(filter.size()), filter.data()},
            .oom_score_adj = "500",
            .path = options.argv.at(0).c_str(),
            .argv = argv.data(),
            .envp = envp.data(),
            .failure = {}};
  // The child's change of ids makes the memory that it shares undumpable, so that nobody of its new id can look into it; ours again when it has gone.
  const int dumpable = prctl(PR_GET_DUMPABLE);
  Child child = clone_sharing({.flags = CLONE_VFORK, .cgroup = options.cgroup, .walk = sock_walk_spawn, .plan = &plan});
  if (dumpable == 1) (void)prctl(PR_SET_DUMPABLE, 1);
  if (plan.failure.error != 0) {
    (void)reap(child.pidfd.get());
    throw SysError(plan.failure.error, describe(plan.failure), options.argv.at(0));
  }
  return child;
}

}  // namespace sock
