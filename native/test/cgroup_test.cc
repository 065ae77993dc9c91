// The end of a cgroup: everything in it dies, then it is gone.
#include "../core/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <filesystem>

#include "harness.h"
#include "rig.h"

namespace {

using namespace sock;
using namespace sock::test;

// A child that sleeps in the cgroup, with this much memory touched.
pid_t sleeper(const std::string& cgroup, size_t bytes = 0) {
  int ends[2];
  sys("pipe2", "", [&] { return pipe2(ends, O_CLOEXEC); });
  const OwnFd ready(ends[0]);
  OwnFd tell(ends[1]);
  const pid_t pid = sys("fork", "", [] { return fork(); });
  if (pid == 0) {
    if (bytes > 0) {
      void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory != MAP_FAILED) memset(memory, 1, bytes);
    }
    (void)!write(tell.get(), "r", 1);
    for (;;) (void)pause();
  }
  tell.reset();
  char c;
  expect(read(ready.get(), &c, 1) == 1, "the sleeper");
  write_text(cgroup + "/cgroup.procs", std::to_string(pid));
  return pid;
}

void expect_killed(pid_t pid) {
  int status = 0;
  sys("waitpid", "", [&] { return waitpid(pid, &status, 0); });
  expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it was not killed");
}

void make(const std::string& cgroup) {
  sys("mkdir", cgroup, [&] { return mkdir(cgroup.c_str(), 0755); });
}

void freeze(const std::string& cgroup) {
  const OwnFd events = open_at(AT_FDCWD, cgroup + "/cgroup.events", O_RDONLY);
  write_text(cgroup + "/cgroup.freeze", "1");
  while (!contains(read_text(cgroup + "/cgroup.events"), "frozen 1")) {
    char text[256];
    (void)pread(events.get(), text, sizeof text, 0);  // marks what has been seen
    if (contains(std::string(text), "frozen 1")) break;
    pollfd changed{events.get(), POLLPRI, 0};
    (void)poll(&changed, 1, 5000);
  }
}

TEST("cgroup: a tree with processes, some of them frozen, is killed and removed") {
  const TempCgroup home;
  const std::string top = home.path() + "/top";
  for (const char* part : {"", "/a", "/a/deep", "/b", "/empty"}) make(top + part);
  std::vector<pid_t> all;
  for (const char* part : {"", "/a", "/a/deep", "/b"})
    for (int i = 0; i < 3; i++) all.push_back(sleeper(top + part));
  freeze(top + "/a");
  freeze(top + "/b");
  const pid_t outside = sleeper(home.path());
  const auto before = descriptors();
  destroy_cgroup(top, 10'000);
  expect(!std::filesystem::exists(top), "it is still there");
  for (const pid_t pid : all) expect_killed(pid);
  expect_equal(waitpid(outside, nullptr, WNOHANG), 0, "a process beside it");
  expect(descriptors() == before, "descriptors are left");
  (void)kill(outside, SIGKILL);
  expect_killed(outside);
}

TEST("cgroup: an empty one is just removed") {
  const TempCgroup home;
  make(home.path() + "/empty");
  destroy_cgroup(home.path() + "/empty", 0);
  expect(!std::filesystem::exists(home.path() + "/empty"), "it is still there");
}

TEST("cgroup: it does not wait longer than it may, and can be tried again") {
  const TempCgroup home;
  const std::string slow = home.path() + "/slow";
  make(slow);
  // A process leaves its cgroup after its memory: with 200 MB that takes milliseconds.
  const pid_t pid = sleeper(slow, 200u << 20);
  const auto error = expect_throw("destroyed at once", [&] { destroy_cgroup(slow, 0); });
  expect_equal(error.error, ETIMEDOUT, "errno");
  expect(contains(error.what(), slow), error.what());
  destroy_cgroup(slow, 10'000);
  expect(!std::filesystem::exists(slow), "it is still there");
  expect_killed(pid);
}

TEST("cgroup: a directory that is none is left alone") {
  const TempDir directory;
  write_text(directory.path() + "/file", "kept");
  const auto error = expect_throw("destroyed", [&] { destroy_cgroup(directory.path(), 1000); });
  expect_equal(error.error, ENOENT, "errno");
  expect_equal(read_text(directory.path() + "/file"), std::string("kept"), "the file");
  expect_equal(expect_throw("destroyed", [] { destroy_cgroup("/none/such", 1000); }).error, ENOENT, "none such");
}

TEST("cgroup: delegated when its attribute says so") {
  const TempCgroup home;
  expect(!delegated_cgroup(home.path()), "a new one");
  if (setxattr(home.path().c_str(), "trusted.delegate", "1", 1, 0) != 0)
    skip(std::string("no extended attributes here: ") + strerror(errno));
  expect(delegated_cgroup(home.path()), "with the attribute");
  sys("setxattr", "", [&] { return setxattr(home.path().c_str(), "trusted.delegate", "0", 1, 0); });
  expect(!delegated_cgroup(home.path()), "with 0");
  expect(!delegated_cgroup("/none/such"), "none such");
}

}  // namespace
