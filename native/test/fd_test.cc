// Ownership of descriptors, and the one way to call the kernel.
#include "../core/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#include <type_traits>

#include "harness.h"
#include "rig.h"

namespace {

using namespace sock;
using namespace sock::test;

int null() { return open("/dev/null", O_RDWR | O_CLOEXEC); }
bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static_assert(!std::is_copy_constructible_v<OwnFd> && !std::is_copy_assignable_v<OwnFd> && !std::is_convertible_v<OwnFd, bool> &&
              std::is_nothrow_move_constructible_v<OwnFd> && std::is_nothrow_move_assignable_v<OwnFd> &&
              !std::is_convertible_v<int, OwnFd>);

TEST("fd: closed once, by its owner") {
  const int a = null(), b = null();
  {
    OwnFd first(a);
    OwnFd second(std::move(first));
    expect(!first.open() && second.get() == a && is_open(a), "moved");
    second = OwnFd(b);
    expect(!is_open(a) && is_open(b), "assigning closes what was there");
    OwnFd& same = second;
    second = std::move(same);
    expect(second.get() == b && is_open(b), "assigned to itself");
  }
  expect(!is_open(b), "the end of the scope");
}

TEST("fd: released, it is another's") {
  const int a = null();
  {
    OwnFd fd(a);
    expect_equal(fd.release(), a, "release");
    expect(!fd.open(), "still there");
  }
  expect(is_open(a), "closed all the same");
  OwnFd fd(a);
  fd.reset();
  expect(!is_open(a) && !fd.open(), "reset");
  fd.reset();
  OwnFd none;
  expect(!none.open() && none.get() == -1, "empty");
}

TEST("sys: tries again while it is interrupted, and returns the value") {
  int calls = 0;
  const int result = sys("call", "", [&] {
    errno = EINTR;
    return ++calls < 5 ? -1 : 42;
  });
  expect_equal(calls, 5, "calls");
  expect_equal(result, 42, "result");
}

TEST("sys: a real signal does not end a read") {
  struct sigaction action {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  sigaction(SIGALRM, &action, nullptr);
  int ends[2];
  sys("pipe2", "", [&] { return pipe2(ends, O_CLOEXEC); });
  OwnFd read_end(ends[0]), write_end(ends[1]);
  std::ostringstream reading;  // of /proc/<pid>/syscall: number and first argument
  reading << SYS_read << " 0x" << std::hex << read_end.get() << " ";
  const pid_t reader = getpid(), writer = sys("fork", "", [] { return fork(); });
  if (writer == 0) {
    // Two signals first, each when the reader waits in its read; then the byte.
    try {
      for (int i = 0; i < 2; i++) {
        while (!read_text("/proc/" + std::to_string(reader) + "/syscall").starts_with(reading.str())) {
        }
        (void)kill(reader, SIGALRM);
      }
      (void)!write(write_end.get(), "x", 1);
    } catch (const SysError& error) {
      note(error.what());
    }
    _exit(0);
  }
  write_end.reset();
  char c = 0;
  expect_equal(sys("read", "", [&] { return read(read_end.get(), &c, 1); }), ssize_t{1}, "read");
  expect_equal(c, 'x', "byte");
}

TEST("sys: a failure says what, on what, why") {
  const auto error = expect_throw("open", [] { sys("open", "/none/such", [] { return open("/none/such", O_RDONLY | O_CLOEXEC); }); });
  expect_equal(error.error, ENOENT, "errno");
  expect_equal(error.call, std::string("open"), "call");
  expect_equal(std::string(error.what()), std::string("open \"/none/such\": No such file or directory"), "text");
  expect_equal(std::string(SysError(EPERM, "fork", "").what()), std::string("fork: Operation not permitted"), "without a subject");
}

}  // namespace
