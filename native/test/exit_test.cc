// How the end of a process is told, and in which words the step at which one failed.
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>

#include "../core/clone.h"
#include "../core/plan.h"
#include "../core/words.h"
#include "harness.h"
#include "rig.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::Step;

TEST("reap: tells how a process has ended") {
  const auto end = [](int signal) {
    Child child = clone_sharing({.flags = 0, .walk = sock_walk_wait, .plan = nullptr});
    (void)syscall(SYS_pidfd_send_signal, child.pidfd.get(), signal, nullptr, 0);
    return reap(child.pidfd.get());
  };
  expect_equal(end(SIGKILL).signal, SIGKILL, "killed");
  expect_equal(end(SIGKILL).code, -1, "code");
  Plan failing{};
  failing.oom_score_adj = "";
  failing.user = -1;
  const Child child = clone_sharing({.flags = CLONE_VFORK, .walk = sock_walk_spawn, .plan = &failing});
  const Exit exit = reap(child.pidfd.get());
  expect(exit.code == 127 && exit.signal == 0, "exit code " + std::to_string(exit.code));
  expect(failing.failure.error != 0, "the failure");
  expect_equal(expect_throw("reaped twice", [&] { (void)reap(child.pidfd.get()); }).error, ECHILD, "errno");
}

TEST("words: every step has words of its own, and a number that is no step does too") {
  std::vector<std::string> all;
  for (uint32_t step = 1; step <= static_cast<uint32_t>(Step::kExec); step++) all.push_back(describe({static_cast<Step>(step), 3, EPERM}));
  for (const auto& words : all) {
    expect(!contains(words, "unknown") && contains(words, "(item 3)"), words);
    expect_equal(std::count(all.begin(), all.end(), words), 1l, words);
  }
  for (const uint32_t step : {0u, 9999u}) expect(contains(describe({static_cast<Step>(step), 0, 0}), "unknown"), "a step that is none");
}

}  // namespace
