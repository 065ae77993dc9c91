#include "zygote_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <filesystem>

#include "../core/mounts.h"
#include "harness.h"

namespace sock::test {
namespace {

constexpr int kPatience = 10'000;  // ms

// The zygote may put its children into a cgroup whose cgroup.procs it owns, up to the common ancestor.
std::string cgroup_of(const std::string& directory, uint32_t uid) {
  if (!std::filesystem::exists(directory)) sys("mkdir", directory, [&] { return mkdir(directory.c_str(), 0755); });
  const std::string procs = directory + "/cgroup.procs";
  sys("chown", procs, [&] { return chown(procs.c_str(), uid, uid); });
  return directory;
}

}  // namespace

Ground::Ground(std::vector<std::string> words)
    : command(std::move(words)),
      root(directory.make("root")),
      staging(directory.make("staging")),
      self((cgroup_of(cgroup.path(), kZygoteUid), cgroup_of(cgroup.path() + "/self", kZygoteUid))),
      user(user_namespace({{0, kZygoteUid, 1}, {kFirstInside, kZygoteUid + 1, kSandboxes}})),
      null(open_at(AT_FDCWD, "/dev/null", O_RDWR)),
      self_fd(open_at(AT_FDCWD, self, O_RDONLY | O_DIRECTORY)) {
  for (const char* name : {"proc", "dev", "private", "handler"}) directory.make(std::string("root/") + name);
  for (const std::string& word : command)
    if (word.starts_with("/") && std::filesystem::exists(sibling(word.substr(1))))
      std::filesystem::copy_file(sibling(word.substr(1)), root + word);
  int pair[2];
  sys("socketpair", "", [&] { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair); });
  control.reset(pair[0]);
  theirs.reset(pair[1]);
}

SpawnOptions Ground::options() {
  mounts.clear();
  mounts.push_back(bind_tree(root));
  mounts.push_back(devices());
  mounts.push_back(empty_proc());
  std::vector<SpawnOptions::Mount> targets = {{mounts[0].get(), ""}, {mounts[1].get(), "/dev"}, {mounts[2].get(), "/proc"}};
  for (const std::string& bind : binds) {
    mounts.push_back(bind_tree(bind));
    targets.push_back({mounts.back().get(), bind});
  }
  return {.user = user.get(),
          .cgroup = self_fd.get(),
          .staging = staging,
          .mounts = targets,
          .hostname = "sandbox",
          .control = theirs.get(),
          .stdio = {null.get(), null.get(), null.get()},
          .limits = {{4 /* RLIMIT_CORE */, 0}, {7 /* RLIMIT_NOFILE */, 1024}},
          .argv = command,
          .environment = {"NAME=value"}};
}

std::optional<Leaf::Seen> Leaf::next() {
  while (seen.empty()) {
    if (!readable(ends.channel.get(), kPatience)) fail("the leaf says nothing");
    uint8_t bytes[65536];
    const ssize_t size = recv(ends.channel.get(), bytes, sizeof bytes, 0);
    if (size <= 0) return std::nullopt;
    const bool good = reader.feed({bytes, static_cast<size_t>(size)}, [&](const Frame& f) {
      seen.push_back({f.type, f.request, std::string(f.payload.begin(), f.payload.end())});
      return true;
    });
    if (!good) fail("the leaf sent something that is no frame");
  }
  const Seen first = seen.front();
  seen.erase(seen.begin());
  return first;
}

void Leaf::send(const std::string& bytes) {
  sys("fcntl", "", [&] { return fcntl(ends.channel.get(), F_SETFL, 0); });  // the tests may wait
  for (size_t at = 0; at < bytes.size();)
    at += static_cast<size_t>(
        sys("send", "leaf", [&] { return ::send(ends.channel.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL); }));
}

std::string request_frame(uint32_t request, const std::string& body) {
  const std::string id = "{\"id\":\"x\"}";
  const auto id_size = static_cast<uint16_t>(id.size());
  const wire::FrameHeader head{static_cast<uint32_t>(sizeof id_size + id.size() + body.size()), wire::kVersion, wire::Type::kRequest,
                               wire::kLast, request};
  std::string out(reinterpret_cast<const char*>(&head), sizeof head);
  out.append(reinterpret_cast<const char*>(&id_size), sizeof id_size);
  return out + id + body;
}

std::string Leaf::echo(uint32_t request, const std::string& body) {
  send(request_frame(request, body));
  std::string back;
  for (;;) {
    const auto frame = next();
    if (!frame) fail("the leaf has hung up");
    expect_equal(frame->request, request, "the request's number");
    if (frame->type == wire::Type::kBody) back += frame->payload;
    if (frame->type != wire::Type::kEnd) continue;
    return back + frame->payload.substr(sizeof(wire::Timing));
  }
}

Zygote::Zygote(std::shared_ptr<Ground> on) : ground(std::move(on)), child(spawn(ground->options())) {
  ground->theirs.reset();
  send_seal(socket());
  if (!readable(socket(), kPatience)) fail("the zygote does not serve");
  char said = 0;
  expect(recv(socket(), &said, 1, 0) == 1 && said == wire::kServing, "the zygote ended before it served");
}

Slot Zygote::slot(uint32_t number) {
  const std::string own = cgroup_of(ground->cgroup.path() + "/sb-" + std::to_string(number), kZygoteUid);
  const uint32_t uid = kFirstInside + number;
  return {uid, own, open_at(AT_FDCWD, own, O_RDONLY | O_DIRECTORY), network_namespace(ground->user.get()),
          scratch({.bytes = 1 << 20, .inodes = 1024, .uid = outside(uid)})};
}

Leaf Zygote::fork(const Slot& slot, bool standby, int handler) {
  LeafEnds ends = request_fork(socket(), {.uid = slot.uid,
                                          .standby = standby,
                                          .cgroup = slot.cgroup.get(),
                                          .network = slot.network.get(),
                                          .scratch = slot.scratch.get(),
                                          .handler = handler,
                                          .data_bytes = 0,
                                          .processes = 0});
  ForkAnswer born = answer();
  expect_equal(born.error, 0, "the clone's errno");
  return {std::move(ends), std::move(born.pidfd), {}, {}};
}

Leaf Zygote::standby(const Slot& slot) {
  Leaf leaf = fork(slot, true);
  const auto ready = leaf.next();
  expect(ready && ready->type == wire::Type::kReady, "the standby is not ready");
  return leaf;
}

void kill_now(int pidfd) { (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0); }

void expect_exit(int pidfd, int code, int signal) {
  expect(readable(pidfd, kPatience), "it does not end");
  const Exit exit = reap(pidfd);
  expect(exit.code == code && exit.signal == signal, "exit code " + std::to_string(exit.code) + ", signal " + std::to_string(exit.signal));
}

ForkAnswer Zygote::answer() {
  if (!readable(socket(), kPatience)) fail("the zygote does not answer");
  auto got = receive_answer(socket());
  if (!got) fail("no answer");
  return std::move(*got);
}

}  // namespace sock::test
