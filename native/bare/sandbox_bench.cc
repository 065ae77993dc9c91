// What a sandbox costs by itself: for each line on stdin makes one from bare_zygote through the core, as the addon does, has a request
// answered in it and ends it; no event loop, no JavaScript. The bench (bench/cases/sandbox.ts) runs it beside bench/baseline/bare_clone.c.
//
//   sandbox_bench DIRECTORY CODE CGROUP UID
//     DIRECTORY  holds root/, of which /runtime/bare_zygote is a file, and staging/, empty
//     CODE       the directory that sandboxes see as /handler
//     CGROUP     in cgroup v2, to be made; what is there already is left of a run that was killed, and is ended and removed first
//     UID        the first of two uids of the host that nobody else has
//
// Answers {"ns": [n], "phases": {name: n}}: the whole, and its consecutive parts. Removes CGROUP at the end of stdin.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>

#include "../core/cgroup.h"
#include "../core/forking.h"
#include "../core/frames.h"
#include "../core/identity.h"
#include "../core/mounts.h"
#include "../core/namespaces.h"
#include "../core/spawn.h"
#include "../core/sys.h"
#include "../core/words.h"

namespace sock {
namespace {

constexpr int kPatience = 10'000;   // ms
constexpr uint32_t kInside = 1000;  // the sandbox's uid, as its user namespace numbers it
constexpr uint64_t kMemory = 50 << 20, kProcesses = 10;
constexpr ScratchOptions kScratch = {.bytes = 64 << 20, .inodes = 16384, .uid = 0};

uint64_t now() {
  timespec t{};
  (void)clock_gettime(CLOCK_MONOTONIC, &t);  // cannot fail
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

OwnFd open_at(const std::string& path, int flags) {
  return OwnFd(sys("open", path, [&] { return open(path.c_str(), flags | O_CLOEXEC); }));
}

void wait_for(int fd, const char* what) {
  pollfd p{fd, POLLIN, 0};
  if (sys("poll", what, [&] { return poll(&p, 1, kPatience); }) == 0) throw SysError(ETIMEDOUT, "wait for", what);
}

// ---- what sandboxes stand on

/// False when the kernel has no such file, or does not take the value.
bool set(const std::string& file, const std::string& value) {
  const OwnFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.open() && write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

void enable_controllers(const std::string& directory) {
  for (const char* controller : {"+memory", "+pids", "+cpu"})
    (void)set(directory + "/cgroup.subtree_control", controller);  // those that there are
}

/// The zygote may fork into a cgroup whose cgroup.procs it owns, up to the common ancestor.
void make_cgroup(const std::string& directory, uint32_t uid) {
  sys("mkdir", directory, [&] { return mkdir(directory.c_str(), 0755); });
  const std::string procs = directory + "/cgroup.procs";
  sys("chown", procs, [&] { return chown(procs.c_str(), uid, uid); });
}

/// One subtree, with a directory for the zygote and one for the sandbox.
class Cgroups {
 public:
  Cgroups(const std::string& path, uint32_t uid) : path_(path) {
    if (access(path.c_str(), F_OK) == 0) destroy_cgroup(path, kPatience);
    enable_controllers(path.substr(0, path.rfind('/')));
    make_cgroup(path, uid);
    enable_controllers(path);
    make_cgroup(zygote(), uid);
    make_cgroup(sandbox(), uid);
    memory_ = set(sandbox() + "/memory.max", std::to_string(kMemory));
    processes_ = set(sandbox() + "/pids.max", std::to_string(kProcesses));
    (void)set(sandbox() + "/memory.oom.group", "1");
    (void)set(sandbox() + "/memory.swap.max", "0");
    (void)set(sandbox() + "/cpu.max", "100000 100000");
  }
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;
  ~Cgroups() {
    try {
      destroy_cgroup(path_, kPatience);
    } catch (const SysError& error) {
      std::cerr << error.what() << ", ignoring\n";
    }
  }
  std::string zygote() const { return path_ + "/self"; }
  std::string sandbox() const { return path_ + "/sb-0"; }
  /// For rlimits: 0 where the cgroup holds the sandbox to it.
  uint64_t data_bytes() const { return memory_ ? 0 : kMemory; }
  uint64_t processes() const { return processes_ ? 0 : kProcesses; }

 private:
  std::string path_;
  bool memory_, processes_;
};

/// Starts the zygote, with the same mounts and limits as the worker's (src/sandbox/zygote/zygote.ts); our end of its fork socket.
OwnFd serving_zygote(const std::string& directory, int user, const std::string& cgroup) {
  int pair[2];
  sys("socketpair", "control", [&] { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair); });
  OwnFd ours(pair[0]);
  const OwnFd theirs(pair[1]), self = open_at(cgroup, O_RDONLY | O_DIRECTORY), null = open_at("/dev/null", O_RDWR);
  const OwnFd root = bind_tree(directory + "/root"), usr = bind_tree("/usr"), dev = devices(), proc = empty_proc();
  (void)spawn({.user = user,  // nobody waits for it: it ends with this program
               .cgroup = self.get(),
               .staging = directory + "/staging",
               .mounts = {{root.get(), ""}, {usr.get(), "/usr"}, {dev.get(), "/dev"}, {proc.get(), "/proc"}},
               .hostname = "sandbox",
               .control = theirs.get(),
               .stdio = {null.get(), null.get(), null.get()},
               .limits = {{4 /* RLIMIT_CORE */, 0}, {7 /* NOFILE */, 1024}, {8 /* MEMLOCK */, 1 << 20}, {12 /* MSGQUEUE */, 819'200}},
               .argv = {"/runtime/bare_zygote"},
               .environment = {}});
  send_seal(ours.get());
  wait_for(ours.get(), "zygote");
  char said = 0;
  const ssize_t size = recv(ours.get(), &said, 1, 0);
  if (size != 1 || said != wire::kServing) throw SysError(EPROTO, "start", "zygote");
  return ours;
}

// ---- one sandbox after the other

std::string request_frame(uint32_t request, const std::string& body) {
  const std::string head = "{\"id\":\"bench-1\"}";
  const auto head_size = static_cast<uint16_t>(head.size());
  const wire::FrameHeader header{static_cast<uint32_t>(sizeof head_size + head.size() + body.size()), wire::kVersion, wire::Type::kRequest,
                                 wire::kLast, request};
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(reinterpret_cast<const char*>(&head_size), sizeof head_size);
  return out + head + body;
}

/// Waits for the answer to the only request; its body and the leaf's times. Throws what the leaf could not do.
struct Reply {
  wire::Timing timing;
  std::string body;
};
Reply read_reply(int channel, uint32_t request) {
  std::optional<Reply> reply;
  FrameReader reader;
  while (!reply) {
    wait_for(channel, "leaf");
    uint8_t bytes[4096];
    const auto size = static_cast<size_t>(sys("recv", "leaf", [&] { return recv(channel, bytes, sizeof bytes, MSG_DONTWAIT); }));
    if (size == 0) throw SysError(ECONNRESET, "receive from", "leaf");
    const bool good = reader.feed({bytes, size}, [&](const Frame& frame) {
      if (frame.type == wire::Type::kFailed) {
        wire::SetupFailure failure;
        memcpy(&failure, frame.payload.data(), sizeof failure);
        throw SysError(failure.error, describe(failure), "leaf");
      }
      if (frame.type != wire::Type::kEnd || frame.request != request) throw SysError(EPROTO, "receive from", "leaf");
      reply.emplace();
      memcpy(&reply->timing, frame.payload.data(), sizeof reply->timing);
      reply->body.assign(frame.payload.begin() + sizeof reply->timing, frame.payload.end());
      return false;
    });
    if (!good) throw SysError(EPROTO, "receive from", "leaf");
  }
  return std::move(*reply);
}

OwnFd take_pidfd(int fork_socket, int cgroup) {
  wait_for(fork_socket, "zygote");
  auto answer = receive_answer(fork_socket);
  if (!answer || answer->error != 0) throw SysError(answer ? answer->error : EAGAIN, "clone3 in", "zygote");
  if (!is_leaf_of(answer->pidfd.get(), cgroup)) throw SysError(EPROTO, "take", "a process that is not the leaf");
  return std::move(answer->pidfd);
}

class Sandboxes {
 public:
  Sandboxes(const std::string& directory, std::string code, const std::string& cgroup, uint32_t uid)
      : code_(std::move(code)),
        scratch_options_(kScratch),
        cgroups_(cgroup, uid),
        user_(user_namespace({{0, uid, 1}, {kInside, uid + 1, 1}})),
        zygote_(serving_zygote(directory, user_.get(), cgroups_.zygote())),
        cgroup_(open_at(cgroups_.sandbox(), O_RDONLY | O_DIRECTORY)),
        network_(network_namespace(user_.get())) {
    scratch_options_.uid = uid + 1;
    scratch_ = scratch(scratch_options_);
  }

  /// The moments between the parts of one sandbox's life, each at or after the one before: as we and the leaf see them.
  struct Times {
    uint64_t begun, asked, born, sealed, handled, answered, reaped;
  };
  Times make_and_destroy() {
    const std::string body = "{\"x\":" + std::to_string(++count_) + "}", frame = request_frame(1, body);
    Times t{};
    t.begun = now();
    const LeafEnds ends = fork(frame);
    t.asked = now();
    const Reply reply = read_reply(ends.channel.get(), 1);
    const OwnFd pidfd = take_pidfd(zygote_.get(), cgroup_.get());
    t.answered = now();
    sys("pidfd_send_signal", "leaf", [&] { return syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0); });
    wait_for(pidfd.get(), "end of a leaf");
    const Exit exit = reap(pidfd.get());
    t.reaped = now();
    t.born = std::max(t.asked, reply.timing.born);  // the zygote may have been faster than our own next step
    t.sealed = std::max(t.born, reply.timing.sealed);
    t.handled = std::max(t.sealed, reply.timing.handled);
    if (reply.body != body) throw std::runtime_error("a sandbox answered \"" + reply.body + "\" to \"" + body + "\"");
    if (exit.signal != SIGKILL) throw std::runtime_error("a sandbox ended before it was killed");
    refresh();
    return t;
  }

 private:
  LeafEnds fork(const std::string& first) {
    const OwnFd handler = bind_directory(code_);
    LeafEnds ends = request_fork(zygote_.get(), {.uid = kInside,
                                                 .standby = false,
                                                 .cgroup = cgroup_.get(),
                                                 .network = network_.get(),
                                                 .scratch = scratch_.get(),
                                                 .handler = handler.get(),
                                                 .data_bytes = cgroups_.data_bytes(),
                                                 .processes = cgroups_.processes()},
                                 {reinterpret_cast<const uint8_t*>(first.data()), first.size()});
    scratch_.reset();
    return ends;
  }
  void refresh() {
    if (!network_unused(network_.get())) network_ = network_namespace(user_.get());
    scratch_ = scratch(scratch_options_);
  }

  const std::string code_;
  ScratchOptions scratch_options_;
  const Cgroups cgroups_;
  const OwnFd user_, zygote_, cgroup_;
  OwnFd network_, scratch_;
  unsigned count_ = 0;
};

void tell(const Sandboxes::Times& t) {
  const auto ns = [](uint64_t from, uint64_t to) { return static_cast<long long>(to) - static_cast<long long>(from); };
  printf("{\"ns\":[%lld],\"phases\":{\"ask\":%lld,\"clone\":%lld,\"isolate\":%lld,\"handle\":%lld,\"answer\":%lld,\"destroy\":%lld}}\n",
         ns(t.begun, t.reaped), ns(t.begun, t.asked), ns(t.asked, t.born), ns(t.born, t.sealed), ns(t.sealed, t.handled),
         ns(t.handled, t.answered), ns(t.answered, t.reaped));
  fflush(stdout);
}

}  // namespace
}  // namespace sock

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  (void)signal(SIGINT, SIG_IGN);  // a terminal's Ctrl-C ends the bench, which then ends our stdin
  try {
    sock::Sandboxes sandboxes(argv[1], argv[2], argv[3], static_cast<uint32_t>(std::stoul(argv[4])));
    for (std::string line; std::getline(std::cin, line);) sock::tell(sandboxes.make_and_destroy());
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
