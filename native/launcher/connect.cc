// The first process of a container whose runtime is a program of its own: connect SOCKET PROGRAM ARGUMENT…. Connects to the socket, and executes the
// program with that as its channel, as the launcher's leaves do: it finds the channel as descriptor 3, and SOCK_STANDBY=1 in its environment.
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "program.h"

namespace sock::program {
namespace {

using raw::at;
using raw::call;

constexpr int kMostVariables = 256;
constexpr int kStderr = 2;

[[noreturn]] void fail(const char* what, long error) noexcept {
  char digits[] = "000\n";
  for (long i = 2, rest = -error; i >= 0; i--, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  const auto say = [](const char* text) {
    unsigned long size = 0;
    while (text[size]) size++;
    (void)call(__NR_write, kStderr, at(text), static_cast<long>(size));  // nobody is left to tell when this fails
  };
  say("connect: ");
  say(what);
  say(": error ");
  say(digits);
  leave(1);
}

void connect(const char* path) noexcept {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  for (unsigned long i = 0; path[i]; i++) {
    if (i + 1 >= sizeof address.sun_path) fail(path, -ENAMETOOLONG);
    address.sun_path[i] = path[i];
  }
  const long line = call(__NR_socket, AF_UNIX, SOCK_STREAM, 0);
  if (line < 0) fail("make a socket", line);
  if (const long error = call(__NR_connect, line, at(&address), sizeof address); error < 0) fail(path, error);
  if (line == kChannel) return;
  if (const long error = call(__NR_dup3, line, kChannel, 0); error < 0) fail("have the channel at its place", error);
  (void)call(__NR_close, line);
}

}  // namespace

void run(char** argv, char** environment) noexcept {
  if (!argv[0] || !argv[1] || !argv[2]) fail("SOCKET PROGRAM", -EINVAL);
  char* variables[kMostVariables + 2];
  int count = 0;
  while (environment[count] && count < kMostVariables) variables[count] = environment[count], count++;
  if (environment[count]) fail("the environment", -E2BIG);
  char waits[] = "SOCK_STANDBY=1";
  variables[count++] = waits;
  variables[count] = nullptr;
  connect(argv[1]);
  fail(argv[2], call(__NR_execve, at(argv[2]), at(argv + 2), at(variables)));
}

}  // namespace sock::program
