// Forks of a real zygote, without an interpreter: what a leaf is, seen from the host, and how it lives and ends.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "../core/attacher.h"
#include "../core/identity.h"
#include "../core/mounts.h"
#include "../core/words.h"
#include "harness.h"
#include "zygote_rig.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::Type;

void kill_now(int pidfd) { (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0); }

void expect_exit(int pidfd, int code, int signal) {
  expect(readable(pidfd, 10'000), "it does not end");
  const Exit exit = reap(pidfd);
  expect(exit.code == code && exit.signal == signal, "exit code " + std::to_string(exit.code) + ", signal " + std::to_string(exit.signal));
}

// The errno of attaching, 0 when it is attached; what is to be sent first follows.
int attach(Attacher& attacher, Leaf& leaf, const std::string& code, const std::string& first) {
  try {
    attacher.attach(leaf.pidfd.get(), code);
  } catch (const SysError& error) {
    return error.error;
  }
  leaf.send(first);
  return 0;
}

std::string file_of(pid_t pid, const std::string& path) { return read_text("/proc/" + std::to_string(pid) + "/root" + path); }

TEST("zygote: a fork answers, and ends with 0 when the worker hangs up") {
  Zygote zygote;
  const Slot slot = zygote.slot(0);
  Leaf leaf = zygote.fork(slot, false);
  expect_equal(leaf.echo(1, "hello"), std::string("hello"), "the echo");
  expect_equal(leaf.echo(2, ""), std::string(), "an empty one");
  std::string large(wire::kWindow, ' ');
  for (size_t i = 0; i < large.size(); i++) large[i] = static_cast<char>(i * 31);
  expect(leaf.echo(3, large) == large, "a large one");
  leaf.hang_up();
  expect_exit(leaf.pidfd.get(), 0, 0);
}

TEST("zygote: frames that a leaf has no use for are passed over") {
  Zygote zygote;
  const Slot slot = zygote.slot(0);
  Leaf leaf = zygote.fork(slot, false);
  const auto frame = [](Type type, uint32_t request, const std::string& payload) {
    const wire::FrameHeader head{static_cast<uint32_t>(payload.size()), wire::kVersion, type, 0, request};
    return std::string(reinterpret_cast<const char*>(&head), sizeof head) + payload;
  };
  leaf.send(frame(Type::kSetup, 0, std::string(50'000, ' ')) + frame(Type::kWindow, 1, "\1\2\3\4") + frame(Type::kCancel, 1, ""));
  expect_equal(leaf.echo(2, "hello"), std::string("hello"), "the echo");
}

TEST("zygote: a leaf tells when it was born, sealed and asked") {
  Zygote zygote;
  const auto now = [] {
    timespec t{};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
  };
  const uint64_t before = now();
  const Slot slot = zygote.slot(0);
  Leaf leaf = zygote.fork(slot, false);
  const auto timing_of = [&](uint32_t request) {
    leaf.send(request_frame(request, ""));
    const auto end = leaf.next();
    expect(end && end->type == Type::kEnd, "its end");
    wire::Timing t;
    memcpy(&t, end->payload.data(), sizeof t);
    return t;
  };
  const wire::Timing first = timing_of(1), second = timing_of(2);
  expect(before < first.born && first.born < first.sealed && first.sealed < first.received && first.received <= first.loaded &&
             first.loaded <= first.handled && first.handled < now(),
         "the order");
  expect(second.born == 0 && second.sealed == 0 && second.received > first.handled, "the second time");
}

TEST("zygote: what a leaf is, seen from the host") {
  Zygote zygote;
  for (const bool waiting : {false, true}) {
    const Slot slot = zygote.slot(waiting ? 3 : 5), other_slot = zygote.slot(waiting ? 4 : 6);
    Leaf leaf = waiting ? zygote.standby(slot) : zygote.fork(slot, false);
    if (!waiting) (void)leaf.echo(1, "");  // it is sealed when it answers
    const pid_t pid = leaf.pid();
    const auto status = [&](const char* field) { return status_of(pid, field); };
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
      expect_equal(status(set), std::string("0000000000000000"), set);
    expect_equal(status("NoNewPrivs"), std::string("1"), "no_new_privs");
    expect_equal(status("Seccomp"), std::string("2"), "seccomp");
    expect_equal(status("Seccomp_filters"), std::string("2"), "filters");
    const std::string uid = std::to_string(outside(slot.uid)), four = uid + "\t" + uid + "\t" + uid + "\t" + uid;
    expect_equal(status("Uid"), four, "uid");
    expect_equal(status("Gid"), four, "gid");
    expect_equal(status("Groups"), std::string(), "groups");
    expect_equal(status("NSpid"), std::to_string(pid) + "\t1", "the first of its process namespace");
    expect_equal(status("PPid"), std::to_string(getpid()), "the worker is its parent");
    expect_equal(status("NSsid"), std::to_string(pid) + "\t1", "a session of its own");
    expect_equal(status("Threads"), std::string("1"), "threads");
    for (const char* space : {"mnt", "pid", "ipc", "uts", "cgroup", "net"}) {
      const std::string ns = std::string("ns/") + space;
      expect(link_of(pid, ns) != link_of(0, ns), "the host's " + ns);
      // The zygote's own pid and cgroup namespaces are the host's.
      expect(link_of(pid, ns) != link_of(zygote.child.pid, ns), "the zygote's " + ns);
    }
    expect_equal(link_of(pid, "ns/user"), link_of(zygote.child.pid, "ns/user"), "user namespace");
    struct stat network {};
    sys("fstat", "", [&] { return fstat(slot.network.get(), &network); });
    expect_equal(link_of(pid, "ns/net"), "net:[" + std::to_string(network.st_ino) + "]", "the slot's network");
    expect_equal(read_text(slot.directory + "/cgroup.procs"), std::to_string(pid) + "\n", "alone in the slot's cgroup");
    const auto open = descriptors(std::to_string(pid));
    expect(open.size() == 4 && open[0] == "0 -> /dev/null" && open[1].starts_with("1 -> pipe:") && open[2].starts_with("2 -> pipe:") &&
               open[3].starts_with("3 -> socket:"),
           std::to_string(open.size()) + " descriptors");
    expect(!contains(link_of(pid, "fd/3"), link_of(zygote.child.pid, "fd/3")), "it has the fork socket");
    expect_equal(status("CoreDumping"), std::string("0"), "core");
    Leaf beside = zygote.standby(other_slot);
    for (const char* space : {"ns/mnt", "ns/pid", "ns/ipc", "ns/uts", "ns/cgroup", "ns/net"})
      expect(link_of(beside.pid(), space) != link_of(pid, space), std::string("two leaves share ") + space);
    for (Leaf* l : {&leaf, &beside}) {
      kill_now(l->pidfd.get());
      expect_exit(l->pidfd.get(), -1, SIGKILL);
    }
  }
}

TEST("zygote: the mounts of a leaf are the sandbox's, and each is restricted") {
  Zygote zygote;
  const Slot slot = zygote.slot(0);
  const std::string code = zygote.ground->directory.make("code");
  write_text(code + "/f", "the code");
  Leaf leaf = zygote.fork(slot, false, bind_directory(code).get());
  (void)leaf.echo(1, "");
  const pid_t pid = leaf.pid();
  std::map<std::string, std::string> options;
  std::istringstream lines(read_text("/proc/" + std::to_string(pid) + "/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, place, flags;
    words >> id >> parent >> device >> root >> place >> flags;
    expect(contains(flags, "nosuid"), line);
    expect(contains(flags, "nodev") || root == "/null" || place == "/dev", line);
    expect(place == "/private" || flags.starts_with("ro,"), line);
    expect(!contains(line, "shared:") && !contains(line, "master:"), line);
    options[place] = flags;
  }
  for (const char* place : {"/", "/dev", "/proc", "/private", "/handler"}) expect(options.contains(place), std::string("no ") + place);
  for (const auto& [place, flags] : options)
    expect(place == "/" || place == "/dev" || place == "/private" || place == "/handler" || place.starts_with("/proc"), "also " + place);
  expect(contains(options["/proc"], "noexec"), "/proc: " + options["/proc"]);
  expect_equal(file_of(pid, "/handler/f"), std::string("the code"), "the code");
  // Its /proc shows its own processes: itself, as 1.
  expect(contains(file_of(pid, "/proc/1/status"), "NSpid:\t" + std::to_string(pid) + "\t1\n") ||
             contains(file_of(pid, "/proc/1/status"), "Name:\tbare_zygote"),
         "/proc/1");
  expect(access(("/proc/" + std::to_string(pid) + "/root/proc/2").c_str(), F_OK) != 0, "/proc/2");
  for (const char* masked : wire::kMaskedProc) {
    struct stat file {};
    if (stat(masked, &file) != 0 || !(file.st_mode & S_IROTH)) continue;  // not there, or the host root's alone
    expect_equal(file_of(pid, masked), std::string(), masked);
  }
  expect_equal(link_of(pid, "cwd"), std::string("/"), "working directory");
}

TEST("zygote: limits of a request hold") {
  Zygote zygote;
  const Slot slot = zygote.slot(0);
  LeafEnds ends = request_fork(zygote.socket(), {.uid = slot.uid,
                                                 .standby = true,
                                                 .cgroup = slot.cgroup.get(),
                                                 .network = slot.network.get(),
                                                 .scratch = slot.scratch.get(),
                                                 .handler = -1,
                                                 .data_bytes = 1ull << 33,
                                                 .processes = 5});
  Leaf leaf{std::move(ends), zygote.answer().pidfd, {}, {}};
  expect(leaf.next()->type == Type::kReady, "ready");
  const std::string limits = read_text("/proc/" + std::to_string(leaf.pid()) + "/limits");
  expect(contains(limits, "Max data size             8589934592           8589934592 "), limits);
  expect(contains(limits, "Max processes             5                    5 "), limits);
  expect(contains(limits, "Max open files            1024                 1024 "), limits);
}

TEST("zygote: its leaves outlive it, and end with their channel") {
  auto zygote = std::make_unique<Zygote>();
  const Slot slot = zygote->slot(0);
  Leaf leaf = zygote->standby(slot);
  kill_now(zygote->child.pidfd.get());
  expect_exit(zygote->child.pidfd.get(), -1, SIGKILL);
  expect_equal(leaf.echo(1, "still here"), std::string("still here"), "the echo");
  leaf.hang_up();
  expect_exit(leaf.pidfd.get(), 0, 0);
}

TEST("zygote: it ends when the worker hangs up, its leaves do not") {
  Zygote zygote;
  const Slot slot = zygote.slot(0);
  Leaf leaf = zygote.standby(slot);
  zygote.ground->control.reset();
  expect_exit(zygote.child.pidfd.get(), 0, 0);
  expect_equal(leaf.echo(1, "still here"), std::string("still here"), "the echo");
}

TEST("zygote: the worker's end is its leaves' end") {
  // The worker is a fork of this test, which keeps the ground and watches the two by their numbers.
  const auto ground = std::make_shared<Ground>();
  int ends[2];
  sys("pipe2", "", [&] { return pipe2(ends, O_CLOEXEC); });
  const OwnFd in(ends[0]);
  OwnFd out(ends[1]);
  const pid_t worker = sys("fork", "", [] { return fork(); });
  if (worker == 0) {
    Zygote zygote(ground);
    const Slot slot = zygote.slot(0);
    const Leaf leaf = zygote.standby(slot);
    const pid_t pids[2] = {leaf.pid(), zygote.child.pid};
    (void)!write(out.get(), pids, sizeof pids);
    for (;;) (void)pause();
  }
  out.reset();
  pid_t pids[2] = {};
  expect(read(in.get(), pids, sizeof pids) == static_cast<ssize_t>(sizeof pids), "the worker's word");
  const OwnFd leaf(static_cast<int>(syscall(SYS_pidfd_open, pids[0], 0))), zygote(static_cast<int>(syscall(SYS_pidfd_open, pids[1], 0)));
  expect(leaf.open() && zygote.open(), "they run");
  // Stopped, it cannot notice that its channel has closed.
  (void)syscall(SYS_pidfd_send_signal, leaf.get(), SIGSTOP, nullptr, 0);
  (void)kill(worker, SIGKILL);
  expect(readable(leaf.get(), 10'000), "the leaf lives on");
  expect(readable(zygote.get(), 10'000), "the zygote lives on");
}

TEST("zygote: a leaf that cannot finish says at which step, and ends with 1") {
  Zygote zygote;
  struct {
    wire::SetupFailure failure;
    std::function<void(LeafParts&)> spoil;
  } table[] = {
      {{wire::Step::kEnterNetwork, 0, EINVAL}, [&](LeafParts& p) { p.network = zygote.ground->null.get(); }},
      {{wire::Step::kMoveMount, 0, EINVAL}, [&](LeafParts& p) { p.scratch = zygote.ground->null.get(); }},
      {{wire::Step::kMoveMount, 1, EINVAL}, [&](LeafParts& p) { p.handler = zygote.ground->null.get(); }},
      {{wire::Step::kIds, 1, EINVAL}, [](LeafParts& p) { p.uid = 5; }},
  };
  uint32_t number = 0;
  for (const auto& row : table) {
    const Slot slot = zygote.slot(number++);
    LeafParts parts{.uid = slot.uid,
                    .standby = false,
                    .cgroup = slot.cgroup.get(),
                    .network = slot.network.get(),
                    .scratch = slot.scratch.get(),
                    .handler = -1,
                    .data_bytes = 0,
                    .processes = 0};
    row.spoil(parts);
    LeafEnds ends = request_fork(zygote.socket(), parts);
    Leaf leaf{std::move(ends), zygote.answer().pidfd, {}, {}};
    const std::string wanted = describe(row.failure);
    const auto said = leaf.next();
    expect(said && said->type == Type::kFailed, wanted);
    wire::SetupFailure failure;
    memcpy(&failure, said->payload.data(), sizeof failure);
    expect_equal(describe(failure), wanted, "the step");
    expect_equal(failure.error, row.failure.error, wanted);
    expect_exit(leaf.pidfd.get(), 1, 0);
  }
  const Slot slot = zygote.slot(number);
  Leaf leaf = zygote.fork(slot, false);
  expect_equal(leaf.echo(1, "goes on"), std::string("goes on"), "the zygote after them");
}

TEST("zygote: a fork that the kernel refuses is an answer") {
  Zygote zygote;
  const Slot slot = zygote.slot(0), forbidden = zygote.slot(1);
  sys("chown", "", [&] { return chown((forbidden.directory + "/cgroup.procs").c_str(), 0, 0); });
  const auto error_with = [&](int cgroup) {
    (void)request_fork(zygote.socket(), {.uid = slot.uid,
                                         .standby = true,
                                         .cgroup = cgroup,
                                         .network = slot.network.get(),
                                         .scratch = slot.scratch.get(),
                                         .handler = -1,
                                         .data_bytes = 0,
                                         .processes = 0});
    return zygote.answer().error;
  };
  expect_equal(error_with(zygote.ground->null.get()), EBADF, "no cgroup");
  expect_equal(error_with(forbidden.cgroup.get()), EACCES, "a cgroup that is not the zygote's");
  Leaf leaf = zygote.fork(slot, false);
  expect_equal(leaf.echo(1, "goes on"), std::string("goes on"), "the zygote after them");
}

TEST("zygote: a request that is none is an answer too, and its descriptors are closed") {
  Zygote zygote;
  const std::string pid = std::to_string(zygote.child.pid);
  const size_t before = descriptors(pid).size();
  wire::ForkRequest request{
      .version = wire::kVersion, .standby = 0, .has_handler = 0, .reserved = 0, .uid = kFirstInside, .data_bytes = 0, .processes = 0};
  const auto answer_to = [&](const void* bytes, size_t size) {
    sys("send", "", [&] { return send(zygote.socket(), bytes, size, 0); });
    return zygote.answer().error;
  };
  expect_equal(answer_to(&request, sizeof request), EPROTO, "without descriptors");
  expect_equal(answer_to("x", 1), EPROTO, "too short");
  for (size_t count = 1; count <= 20; count++) {
    send_with(zygote.socket(), std::string(reinterpret_cast<const char*>(&request), sizeof request),
              std::vector<int>(count, zygote.ground->null.get()));
    const int wanted = count == wire::kForkFds - 1 ? EBADF /* it is no cgroup */ : EPROTO;
    expect_equal(zygote.answer().error, wanted, std::to_string(count) + " descriptors");
  }
  request.version = 9;
  expect_equal(answer_to(&request, sizeof request), EPROTO, "another version");
  expect_equal(descriptors(pid).size(), before, "the zygote's descriptors");
}

TEST("zygote: a sealed standby is given its code and its first request by the attacher") {
  Zygote zygote;
  const Slot slots[] = {zygote.slot(0), zygote.slot(1)};
  const std::string codes[] = {zygote.ground->directory.make("first"), zygote.ground->directory.make("second")};
  write_text(codes[0] + "/f", "first");
  write_text(codes[1] + "/f", "second");
  Leaf leaves[] = {zygote.standby(slots[0]), zygote.standby(slots[1])};
  const std::string mounts = read_text("/proc/self/mountinfo"), home = link_of(0, "ns/mnt");
  {
    Attacher attacher;
    // One after the other: the second path is looked up on the host again, not where the thread has just been.
    for (size_t i = 0; i < 2; i++) {
      const std::string first = request_frame(1, "asked " + codes[i]);
      expect_equal(attach(attacher, leaves[i], codes[i], first), 0, "errno");
      const auto end = leaves[i].next();
      expect(end && end->type == Type::kEnd && contains(end->payload, "asked " + codes[i]), "the first answer");
      expect_equal(file_of(leaves[i].pid(), "/handler/f"), std::string(i == 0 ? "first" : "second"), "the code");
      const std::string in_leaf = read_text("/proc/" + std::to_string(leaves[i].pid()) + "/mountinfo");
      const auto at = in_leaf.find(" /handler ro,nosuid,nodev");
      expect(at != std::string::npos, in_leaf);
    }
    // A directory that is not there, and a leaf that has died, are errors and no more.
    expect_equal(attach(attacher, leaves[0], "/none/such", ""), ENOENT, "no code");
    kill_now(leaves[0].pidfd.get());
    expect_exit(leaves[0].pidfd.get(), -1, SIGKILL);
    expect_equal(attach(attacher, leaves[0], codes[0], "x"), ESRCH, "no leaf");
    const Slot third = zygote.slot(2);
    Leaf last = zygote.standby(third);
    expect_equal(attach(attacher, last, codes[0], ""), 0, "afterwards");
    expect_equal(file_of(last.pid(), "/handler/f"), std::string("first"), "afterwards");
  }
  expect_equal(read_text("/proc/self/mountinfo"), mounts, "the host's mounts");
  expect_equal(link_of(0, "ns/mnt"), home, "the worker's mount namespace");
  expect_equal(status_of(getpid(), "Threads"), std::string("1"), "threads");
}

TEST("attacher: the thread is where it was, also when it has started others since") {
  Zygote zygote;
  const Slot slot = zygote.slot(0);
  const std::string code = zygote.ground->directory.make("code"), home = link_of(0, "ns/mnt"), before = std::filesystem::current_path();
  Attacher attacher;
  std::filesystem::current_path(zygote.ground->directory.path());
  const std::jthread other([](std::stop_token stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, stop, [] { return false; });
  });
  Leaf leaf = zygote.standby(slot);
  expect_equal(attach(attacher, leaf, code, ""), 0, "errno");
  expect_equal(std::filesystem::current_path().string(), zygote.ground->directory.path(), "the working directory");
  expect_equal(link_of(0, "ns/mnt"), home, "the mount namespace");
  expect_equal(link_of(0, "root"), std::string("/"), "the root");
  std::filesystem::current_path(before);
}
TEST("identity: a leaf is known by its own cgroup, another's is not it, and one that has ended is nobody's") {
  Zygote zygote;
  const Slot slots[] = {zygote.slot(0), zygote.slot(1)};
  const Leaf own = zygote.fork(slots[0], false), other = zygote.fork(slots[1], false);
  expect(is_leaf_of(own.pidfd.get(), slots[0].cgroup.get()), "its own");
  expect(!is_leaf_of(other.pidfd.get(), slots[0].cgroup.get()), "another slot's");
  expect(!is_leaf_of(zygote.child.pidfd.get(), slots[0].cgroup.get()), "the zygote itself");
  const OwnFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  expect(!is_leaf_of(self.get(), slots[0].cgroup.get()), "the worker");
  kill_now(other.pidfd.get());
  expect(readable(other.pidfd.get(), 10'000), "it does not end");
  expect(is_leaf_of(other.pidfd.get(), slots[0].cgroup.get()), "ended");
}

TEST("identity: a leaf whose zygote has died before it handed it over is found in its cgroup") {
  Zygote zygote;
  const Slot slot = zygote.slot(0);
  expect(!orphan_in(slot.cgroup.get()).open(), "nobody yet");
  Leaf leaf = zygote.fork(slot, false);
  leaf.pidfd = orphan_in(slot.cgroup.get());
  expect(leaf.pidfd.open(), "found");
  expect_equal(leaf.echo(1, "hello"), std::string("hello"), "the echo");
  leaf.hang_up();
  expect_exit(leaf.pidfd.get(), 0, 0);
  expect(!orphan_in(slot.cgroup.get()).open(), "nobody any more");
}

TEST("zygote: two hundred leaves leave nothing in the worker, the zygote or the cgroups") {
  Zygote zygote;
  Slot slot = zygote.slot(0);
  const std::string pid = std::to_string(zygote.child.pid);
  std::vector<std::string> worker_before;
  const std::vector<std::string> zygote_before = descriptors(pid);
  for (int i = 0; i < 200; i++) {
    {
      slot.scratch = scratch({.bytes = 1 << 20, .inodes = 100, .uid = outside(slot.uid)});
      Leaf leaf = zygote.fork(slot, i % 2 == 0);
      if (i % 2 == 0) expect(leaf.next().has_value(), "ready");
      expect_equal(leaf.echo(1, "x"), std::string("x"), "the echo");
      if (i % 3 == 0) kill_now(leaf.pidfd.get());
      leaf.hang_up();
      expect(readable(leaf.pidfd.get(), 10'000), "its end");
      (void)reap(leaf.pidfd.get());
    }
    slot.scratch.reset();
    if (i == 0) worker_before = descriptors();
  }
  expect(descriptors() == worker_before, "the worker's descriptors");
  // It closes those of the last one after the answer.
  for (int looks = 0; looks < 10'000 && descriptors(pid) != zygote_before; looks++) (void)sched_yield();
  expect(descriptors(pid) == zygote_before, "the zygote's descriptors");
  expect_equal(read_text(slot.directory + "/cgroup.procs"), std::string(), "processes in the slot");
  expect_equal(read_text(zygote.ground->self + "/cgroup.procs"), pid + "\n", "processes of the zygote");
}

TEST("zygote: eight forks asked for at once are all answered, in their order") {
  Zygote zygote;
  std::vector<Slot> slots;
  std::vector<LeafEnds> ends;
  for (uint32_t i = 0; i < 8; i++) slots.push_back(zygote.slot(i));
  for (const Slot& slot : slots)
    ends.push_back(request_fork(zygote.socket(), {.uid = slot.uid,
                                                  .standby = false,
                                                  .cgroup = slot.cgroup.get(),
                                                  .network = slot.network.get(),
                                                  .scratch = slot.scratch.get(),
                                                  .handler = -1,
                                                  .data_bytes = 0,
                                                  .processes = 0}));
  for (size_t i = 0; i < 8; i++) {
    Leaf leaf{std::move(ends[i]), zygote.answer().pidfd, {}, {}};
    expect_equal(leaf.echo(1, std::to_string(i)), std::to_string(i), "the echo");
    expect(status_of(leaf.pid(), "Uid").starts_with(std::to_string(outside(slots[i].uid)) + "\t"), "the answers are in another order");
  }
}

}  // namespace
