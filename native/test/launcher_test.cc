// The zygote of programs (native/launcher): what its leaves are once they have executed theirs, seen from the host and by the program
// itself.
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../core/attacher.h"
#include "../core/words.h"
#include "harness.h"
#include "zygote_rig.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::Type;

std::shared_ptr<Ground> ground_of(const std::string& program) {
  return std::make_shared<Ground>(std::vector<std::string>{"/launcher", program, "first", "second"});
}

// What `name` stands before, in a line of what the program tells.
std::string told(const std::string& text, const std::string& name) {
  const std::string line = "\n" + name;
  const size_t from = ("\n" + text).find(line);
  if (from == std::string::npos) return "nothing";
  return text.substr(from + name.size(), text.find('\n', from) - from - name.size());
}

TEST("launcher: what was contained before the exec is contained after it, seen from the host") {
  for (const int ignored : {SIGINT, SIGPIPE}) (void)signal(ignored, SIG_IGN);  // as a worker's are that a shell started in its background
  Zygote zygote(ground_of("/probe"));
  for (const bool waiting : {false, true}) {
    const Slot slot = zygote.slot(waiting ? 3 : 5);
    Leaf leaf = waiting ? zygote.standby(slot) : zygote.fork(slot, false);
    (void)leaf.echo(1, "");  // it has executed the program when it answers
    const pid_t pid = leaf.pid();
    const auto status = [&](const char* field) { return status_of(pid, field); };
    expect_equal(link_of(pid, "exe"), std::string("/probe"), "the program");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
      expect_equal(status(set), std::string("0000000000000000"), set);
    expect_equal(status("NoNewPrivs"), std::string("1"), "no_new_privs");
    expect_equal(status("Seccomp_filters"), std::string("2"), "filters");
    const std::string uid = std::to_string(outside(slot.uid)), four = uid + "\t" + uid + "\t" + uid + "\t" + uid;
    expect_equal(status("Uid"), four, "uid");
    expect_equal(status("Gid"), four, "gid");
    expect_equal(status("Groups"), std::string(), "groups");
    expect_equal(status("NSpid"), std::to_string(pid) + "\t1", "the first of its process namespace");
    expect_equal(status("NSsid"), std::to_string(pid) + "\t1", "a session of its own");
    expect_equal(status("PPid"), std::to_string(getpid()), "the worker is its parent");
    for (const char* mask : {"SigBlk", "SigIgn", "SigCgt"}) expect_equal(status(mask), std::string("0000000000000000"), mask);
    for (const char* space : {"ns/mnt", "ns/pid", "ns/ipc", "ns/uts", "ns/cgroup", "ns/net"}) {
      expect(link_of(pid, space) != link_of(0, space), std::string("the host's ") + space);
      expect(link_of(pid, space) != link_of(zygote.child.pid, space), std::string("the zygote's ") + space);
    }
    expect_equal(read_text(slot.directory + "/cgroup.procs"), std::to_string(pid) + "\n", "alone in the slot's cgroup");
    const auto open = descriptors(std::to_string(pid));
    expect(open.size() == 4 && open[0] == "0 -> /dev/null" && open[1].starts_with("1 -> pipe:") && open[2].starts_with("2 -> pipe:") &&
               open[3].starts_with("3 -> socket:"),
           std::to_string(open.size()) + " descriptors");
    leaf.hang_up();
    expect(readable(leaf.pidfd.get(), 10'000), "it does not end with its channel");
    expect_equal(reap(leaf.pidfd.get()).code, 0, "exit code");
  }
}

TEST("launcher: what the program finds") {
  Zygote zygote(ground_of("/probe"));
  const Slot slots[] = {zygote.slot(0), zygote.slot(1)};
  Leaf direct = zygote.fork(slots[0], false), waiting = zygote.standby(slots[1]);
  const std::string first = direct.echo(1, ""), second = waiting.echo(1, "");
  expect(first.starts_with("argument /probe\nargument first\nargument second\nvariable NAME=value\nvariable SOCK_STANDBY=0\n"), first);
  expect_equal(told(first, "parent's death "), std::string("009"), "the signal of its parent's death");
  expect_equal(told(first, "dumpable "), std::string("001"), "dumpable");
  expect_equal(told(first, "secure "), std::string("000"), "it is no set-id program");
  expect_equal(told(first, "close-on-exec "), std::string("000"), "the channel");
  expect_equal(told(first, "clone3 "), std::string("-038"), "the seal's ENOSYS");
  expect_equal(told(first, "keyctl "), std::string("-001"), "the seal's EPERM");
  expect_equal(told(first, "setns "), std::string("-001"), "the seal's EPERM");
  const auto born = std::stoull(told(first, "variable SOCK_BORN=")), sealed = std::stoull(told(first, "variable SOCK_SEALED="));
  expect(0 < born && born < sealed, first);
  expect(contains(second, "\nvariable SOCK_STANDBY=1\nvariable SOCK_BORN=0\nvariable SOCK_SEALED=0\n"), second);
}

TEST("launcher: limits of a request hold after the exec, also where they leave room for one process only") {
  Zygote zygote(ground_of("/probe"));
  const Slot slot = zygote.slot(0);
  LeafEnds ends = request_fork(zygote.socket(), {.uid = slot.uid,
                                                 .standby = true,
                                                 .cgroup = slot.cgroup.get(),
                                                 .network = slot.network.get(),
                                                 .scratch = slot.scratch.get(),
                                                 .handler = -1,
                                                 .data_bytes = 1ull << 33,
                                                 .processes = 1});
  Leaf leaf{std::move(ends), zygote.answer().pidfd, {}, {}};
  const auto ready = leaf.next();
  expect(ready && ready->type == Type::kReady, "ready");
  const std::string limits = read_text("/proc/" + std::to_string(leaf.pid()) + "/limits");
  expect(contains(limits, "Max data size             8589934592           8589934592 "), limits);
  expect(contains(limits, "Max processes             1                    1 "), limits);
  expect(contains(limits, "Max open files            1024                 1024 "), limits);
}

TEST("launcher: --stack limits the stacks of the program, and that alone") {
  Zygote zygote(std::make_shared<Ground>(std::vector<std::string>{"/launcher", "--stack=2097152", "/probe", "first"}));
  const Slot slot = zygote.slot(0);
  Leaf leaf = zygote.standby(slot);
  expect(leaf.echo(1, "").starts_with("argument /probe\nargument first\nvariable "), "what the program finds");
  rlimit now{}, ours{};
  sys("prlimit", "", [&] { return prlimit(leaf.pid(), RLIMIT_STACK, nullptr, &now); });
  sys("getrlimit", "", [&] { return getrlimit(RLIMIT_STACK, &ours); });
  expect_equal(now.rlim_cur, rlim_t{2 << 20}, "soft");
  expect_equal(now.rlim_max, ours.rlim_max, "hard");
}

TEST("launcher: a waiting program is given its code by the attacher") {
  Zygote zygote(ground_of("/probe"));
  const Slot slot = zygote.slot(0);
  const std::string code = zygote.ground->directory.make("code");
  write_text(code + "/f", "the code");
  Leaf leaf = zygote.standby(slot);
  Attacher attacher;
  attacher.attach(leaf.pidfd.get(), code);
  expect_equal(read_text("/proc/" + std::to_string(leaf.pid()) + "/root/handler/f"), std::string("the code"), "the code");
  expect(contains(leaf.echo(1, ""), "argument /probe\n"), "the answer");
}

// Shell scripts for lambdas need the host's programs in the root.
std::shared_ptr<Ground> native_ground() {
  auto ground = std::make_shared<Ground>(std::vector<std::string>{"/launcher", "/native_leaf", "/handler/f.bin", "/private/output"});
  for (const char* name : {"bin", "lib", "lib64", "usr"}) {
    ground->directory.make(std::string("root/") + name);
    ground->binds.push_back(std::string("/") + name);
  }
  return ground;
}

std::string answer(Leaf& leaf, uint32_t request, const std::string& body) {
  const std::string reply = leaf.echo(request, body);
  return reply.substr(0, reply.find('\n'));
}

TEST("launcher: of a native lambda's run nothing is left in its sandbox, however it hides") {
  Zygote zygote(native_ground());
  const Slot slot = zygote.slot(0);
  const std::string code = zygote.ground->directory.make("code");
  // In sessions of their own, with every descriptor closed, deaf to signals, as children of nobody.
  write_text(code + "/f.bin",
             "#!/bin/sh\nfor i in 1 2 3; do (trap '' TERM HUP INT; exec setsid sleep 1000 <&- >&- 2>&-) & done\n"
             "(true &) ; setsid sh -c 'sleep 1000 & sleep 1000' & echo \"$1 $$\"\n");
  sys("chmod", "", [&] { return chmod((code + "/f.bin").c_str(), 0755); });
  Leaf leaf = zygote.standby(slot);
  Attacher attacher;
  attacher.attach(leaf.pidfd.get(), code);
  const pid_t pid = leaf.pid();
  expect(answer(leaf, 1, "first").starts_with("first "), "the answer");
  expect_equal(read_text(slot.directory + "/cgroup.procs"), std::to_string(pid) + "\n", "processes after the first run");
  expect(answer(leaf, 2, "second").starts_with("second "), "the second answer");
  expect_equal(read_text(slot.directory + "/cgroup.procs"), std::to_string(pid) + "\n", "processes after the second");
  expect_equal(descriptors(std::to_string(pid)).size(), size_t{5}, "descriptors: four, and the one that tells of children");
  struct stat memory {};
  sys("stat", "", [&] { return stat(("/proc/" + std::to_string(pid) + "/mem").c_str(), &memory); });
  expect_equal(memory.st_uid, kZygoteUid, "whose its memory is, so that no run can change it");
}

TEST("launcher: a program that cannot be executed is a failure that says so, and the zygote serves on") {
  Zygote zygote(ground_of("/none"));
  for (uint32_t i = 0; i < 2; i++) {
    const Slot slot = zygote.slot(i);
    Leaf leaf = zygote.fork(slot, i == 1);
    const auto said = leaf.next();
    expect(said && said->type == Type::kFailed, "its failure");
    wire::SetupFailure failure;
    memcpy(&failure, said->payload.data(), sizeof failure);
    expect_equal(describe(failure), describe({wire::Step::kExec, 0, ENOENT}), "the step");
    expect_equal(failure.error, ENOENT, "errno");
    expect(readable(leaf.pidfd.get(), 10'000), "its end");
    expect_equal(reap(leaf.pidfd.get()).code, 1, "exit code");
  }
}

}  // namespace
