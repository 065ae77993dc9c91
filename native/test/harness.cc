// core_test [WORD]: runs the tests whose names contain WORD, or all. A line a test, and at the end `N passed, N failed, N skipped`.
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace sock::test {
namespace {

constexpr unsigned kMostSeconds = 120;

struct Test {
  const char* name;
  void (*run)();
};

// Filled before main() by the registrations of all files.
std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

struct Failed {
  std::string why;
};
struct Skipped {
  std::string why;
};

// First letter: p, f or s; then the reason.
std::string outcome(const Test& test) {
  try {
    test.run();
    return "p";
  } catch (const Failed& failure) {
    return "f" + failure.why;
  } catch (const Skipped& skipped) {
    const char* required = getenv("REQUIRE_KERNEL");
    return (required && !strcmp(required, "1") ? "fskipped, and REQUIRE_KERNEL=1: " : "s") + skipped.why;
  } catch (const std::exception& error) {
    return std::string("funexpected: ") + error.what();
  }
}

bool leak_check = true;  // of this test's own process

// LeakSanitizer looks in exit().
[[noreturn]] void run_and_tell(const Test& test, int pipe) {
  (void)setpgid(0, 0);
  (void)alarm(kMostSeconds);
  const std::string result = outcome(test);
  (void)!write(pipe, result.data(), result.size());  // shorter than a pipe; an outcome that is lost counts as a failure
  if (!leak_check) _exit(0);
  exit(0);
}

std::string run_apart(const Test& test) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return std::string("fpipe2: ") + strerror(errno);
  fflush(stdout);
  const pid_t pid = fork();
  if (pid < 0) return std::string("ffork: ") + strerror(errno);
  if (pid == 0) run_and_tell(test, ends[1]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  (void)kill(-pid, SIGKILL);  // what it has left behind
  while (waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
  }
  char text[4096];
  const ssize_t size = read(ends[0], text, sizeof text);
  (void)close(ends[0]);
  (void)close(ends[1]);
  std::string result(text, size > 0 ? static_cast<size_t>(size) : 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? "ftook too long" : std::string("fended by ") + strsignal(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "fended with exit code " + std::to_string(WEXITSTATUS(status));
  return result.empty() ? "ftold nothing" : result;
}

}  // namespace

Registration::Registration(const char* name, void (*run)()) { tests().push_back({name, run}); }

void fail(const std::string& why, std::source_location at) {
  const char* file = strrchr(at.file_name(), '/');
  throw Failed{why + " (" + (file ? file + 1 : at.file_name()) + ":" + std::to_string(at.line()) + ")"};
}
void skip(const std::string& why) { throw Skipped{why}; }
void note(const std::string& text) {
  printf("     %s\n", text.c_str());
  fflush(stdout);
}

SysError expect_throw(const std::string& what, const std::function<void()>& attempt, std::source_location at) {
  try {
    attempt();
  } catch (const SysError& error) {
    return error;
  }
  fail(what + ": nothing was thrown", at);
}

void without_leak_check() { leak_check = false; }

void need_root() {
  if (geteuid() != 0) skip("needs root");
}

}  // namespace sock::test

int main(int argc, char** argv) {
  using namespace sock::test;
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1);  // an init that does not reap is not our tests' business
  int passed = 0, failed = 0, skipped = 0;
  for (const Test& test : tests()) {
    if (argc > 1 && !strstr(test.name, argv[1])) continue;
    const std::string result = run_apart(test);
    const char* why = result.c_str() + 1;
    switch (result[0]) {
      case 'p':
        passed++, printf("ok %s\n", test.name);
        break;
      case 's':
        skipped++, printf("skipped %s: %s\n", test.name, why);
        break;
      default:
        failed++, printf("FAILED %s: %s\n", test.name, why);
    }
    fflush(stdout);
  }
  printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed == 0 ? 0 : 1;
}
