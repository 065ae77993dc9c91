// How the worker reaches a leaf past its zygote: gives it code, and makes sure of whose it is.
#include <signal.h>
#include <sys/syscall.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <thread>

#include "../core/attacher.h"
#include "../core/identity.h"
#include "harness.h"
#include "zygote_rig.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::Type;

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

}  // namespace
