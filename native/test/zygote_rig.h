// A zygote without an interpreter (native/bare, native/launcher) and what it stands on: a root of its own, ids, cgroups. Everything is gone
// when it goes.
#pragma once

#include <memory>
#include <optional>

#include "../core/forking.h"
#include "../core/frames.h"
#include "../core/namespaces.h"
#include "../core/spawn.h"
#include "rig.h"

namespace sock::test {

inline constexpr uint32_t kZygoteUid = 1'700'000'000;  // of the host; sandboxes have those that follow
inline constexpr uint32_t kFirstInside = 1000;         // the first sandbox's, as its user namespace numbers it
inline constexpr uint32_t kSandboxes = 64;
constexpr uint32_t outside(uint32_t inside) { return kZygoteUid + 1 + (inside - kFirstInside); }

/// The ground of a spawn, with options that make it succeed: the program ends with 0 as soon as nobody holds `control`. Programs that were
/// built beside this one are in its root, as far as `command` names them.
struct Ground {
  explicit Ground(std::vector<std::string> command = {"/bare_zygote", "an argument"});
  std::vector<std::string> command;
  std::vector<std::string> binds;  // directories of the host that its root has, too
  TempDir directory;
  TempCgroup cgroup;
  std::string root, staging, self;  // self: the zygote's own cgroup
  OwnFd user, control, null, self_fd;
  std::vector<OwnFd> mounts;
  OwnFd theirs;  // the other end of control

  /// With mounts of its own each time, since a detached mount can be moved once.
  SpawnOptions options();
  /// Lets go of the worker's end, so that what is spawned ends at once.
  void hang_up() { control.reset(); }
};

struct Slot {
  uint32_t uid;
  std::string directory;
  OwnFd cgroup, network, scratch;
};

/// One sandbox as the worker holds it.
struct Leaf {
  LeafEnds ends;
  OwnFd pidfd;
  FrameReader reader;

  struct Seen {
    wire::Type type;
    uint32_t request;
    std::string payload;
  };
  /// The next frame; nullopt when it has hung up. Fails the test after ten seconds.
  std::optional<Seen> next();
  void send(const std::string& bytes);
  /// Sends a request and gathers the body that comes back.
  std::string echo(uint32_t request, const std::string& body);
  void hang_up() { ends.channel.reset(); }
  pid_t pid() const { return pid_of(pidfd.get()); }

  std::vector<Seen> seen;
};
void kill_now(int pidfd);
/// Fails the test when it does not end within ten seconds, or otherwise.
void expect_exit(int pidfd, int code, int signal);

/// The frame of a whole request.
std::string request_frame(uint32_t request, const std::string& body);

/// A zygote that serves.
class Zygote {
 public:
  explicit Zygote(std::shared_ptr<Ground> ground = std::make_shared<Ground>());
  std::shared_ptr<Ground> ground;
  Child child;

  int socket() const { return ground->control.get(); }
  Slot slot(uint32_t number);
  /// Asks for a fork and waits for the answer; fails when that is an error.
  Leaf fork(const Slot& slot, bool standby, int handler = -1);
  /// A fork that has said that it is ready.
  Leaf standby(const Slot& slot);
  ForkAnswer answer();
};

}  // namespace sock::test
