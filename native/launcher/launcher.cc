// The zygote of every runtime that is a program of its own: launcher [--stack=BYTES] PROGRAM ARGUMENT…. Its leaves, once contained and
// sealed as all leaves are, execute that program. A few pages large, so that forking it costs what a sandbox itself costs.
//
// What the program finds: the channel as descriptor 3, /dev/null and the log pipes as 0, 1 and 2, this zygote's environment, and
//   SOCK_STANDBY  1: say kReady and wait for a lambda; 0: the first request is in the channel already
//   SOCK_BORN, SOCK_SEALED  for Timing, nanoseconds; both 0 in a standby, where they would be long before its first request
//
// --stack: the soft limit of stacks. A thread's stack is as large, and counts in full where RLIMIT_DATA stands in for a memory cgroup.
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "program.h"
#include "zygote.h"

namespace sock::program {
namespace {

using raw::at;
using raw::call;

constexpr int kMostVariables = 64;

[[noreturn]] void fail(long error) noexcept {
  const struct {
    wire::FrameHeader header;
    wire::SetupFailure failure;
  } frame = {header(sizeof(wire::SetupFailure), wire::Type::kFailed), {wire::Step::kExec, 0, static_cast<int32_t>(-error)}};
  write_channel(&frame, sizeof frame);
  leave(1);
}

// `NAME=` and a number: text holds the name and room for 20 digits.
void put_number(char* text, uint64_t number) noexcept {
  while (*text) text++;
  char digits[20];
  int count = 0;
  do digits[count++] = static_cast<char>('0' + number % 10);
  while (number /= 10);
  while (count > 0) *text++ = digits[--count];
}

// The number behind --stack=, if that is what the argument is.
uint64_t stack_bytes(const char* argument) noexcept {
  for (const char* option = "--stack="; *option; option++, argument++)
    if (*argument != *option) return 0;
  uint64_t bytes = 0;
  for (; *argument >= '0' && *argument <= '9'; argument++) bytes = bytes * 10 + static_cast<uint64_t>(*argument - '0');
  return bytes;
}

long limit_stacks(uint64_t bytes) noexcept {
  uint64_t limits[2] = {};  // soft, hard
  const long error = call(__NR_prlimit64, 0, RLIMIT_STACK, 0, at(limits));
  limits[0] = bytes;
  return error < 0 ? error : call(__NR_prlimit64, 0, RLIMIT_STACK, at(limits), 0);
}

}  // namespace

void run(char** argv, char** environment) noexcept {
  const GuestRole role = serve_forks();
  const bool standby = role == kGuestStandby;
  if (!argv[0] || !argv[1]) fail(-EINVAL);
  if (const uint64_t bytes = stack_bytes(argv[1])) {
    if (const long error = limit_stacks(bytes); error < 0) fail(error);
    argv++;
  }
  if (!argv[1]) fail(-EINVAL);
  char waits[] = "SOCK_STANDBY=0", born[40] = "SOCK_BORN=", sealed[40] = "SOCK_SEALED=";
  if (standby) waits[sizeof waits - 2] = '1';
  put_number(born, standby ? 0 : guest_born());
  put_number(sealed, standby ? 0 : guest_sealed());
  char* variables[kMostVariables + 4];
  int count = 0;
  while (environment[count] && count < kMostVariables) variables[count] = environment[count], count++;
  if (environment[count]) fail(-E2BIG);
  char* const own[] = {waits, born, sealed, nullptr};
  for (char* variable : own) variables[count++] = variable;
  (void)call(__NR_fcntl, kChannel, F_SETFD, 0);  // an open descriptor: cannot fail
  fail(call(__NR_execve, at(argv[1]), at(argv + 1), at(variables)));
}

}  // namespace sock::program
