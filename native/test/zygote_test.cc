// Forks of a real zygote, without an interpreter: what a leaf is, seen from the host, and how it lives and ends.
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "../core/mounts.h"
#include "harness.h"
#include "zygote_rig.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::Type;

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

}  // namespace
