// What runs in the sandbox of a native lambda: native_leaf PROGRAM RESULT. Runs PROGRAM anew for each request, one at a time.
//
// The program finds the request's body on its standard input and, when it has at most 131,071 bytes and no NUL, as argv[1] (else it has no
// argv[1]); it is started when that is known. In its environment: the lambda's, and SOCK_REQUEST_ID, SOCK_METHOD, SOCK_ROOT, SOCK_PATH,
// SOCK_QUERY, SOCK_HEADERS (JSON: [[name, value] …]), SOCK_CLIENT, SOCK_DEADLINE (milliseconds of CLOCK_MONOTONIC). What it answers with:
//   exit code 0: the file RESULT if it has written one (what it has printed is then its log), else what it has printed. Printed are held
//   back until
//     its end, but for those that print more than 256 KiB, or whose lambda has SOCK_STREAM=1 in its environment: there what is printed is
//     the reply, sent as it comes
//   else: an error of the lambda, with the exit code or signal and the last of its standard error
// Its standard error is the lambda's log. What it leaves behind running is killed before the reply ends.
#include <fcntl.h>
#include <linux/prctl.h>

#include "call.h"

namespace sock::program {
namespace {

Ground ground;  // all zero: no page of it is used before a call needs it

bool begins(const char* text, const char* with) noexcept {
  while (*with && *text == *with) text++, with++;
  return *with == 0;
}

const char* variable(char** environment, const char* name) noexcept {
  for (; *environment; environment++) {
    if (!begins(*environment, name)) continue;
    const char* value = *environment;
    while (*value != '=') value++;
    return value + 1;
  }
  return "";
}

uint64_t number(const char* digits) noexcept {
  uint64_t value = 0;
  for (; *digits >= '0' && *digits <= '9'; digits++) value = value * 10 + static_cast<uint64_t>(*digits - '0');
  return value;
}

}  // namespace

void run(char** argv, char** environment) noexcept {
  if (!argv[0] || !argv[1] || !argv[2]) leave(2);
  uint64_t born = number(variable(environment, "SOCK_BORN=")), sealed = number(variable(environment, "SOCK_SEALED="));
  ground.program = argv[1];
  ground.result = argv[2];
  ground.watch = watch_children();
  ground.environment.begin(environment);
  (void)raw::call(__NR_fcntl, kChannel, F_SETFD, FD_CLOEXEC);  // an open descriptor: cannot fail
  // So that no program reads or changes this process through /proc, and nothing of one run gets into the next that way.
  (void)raw::call(__NR_prctl, PR_SET_DUMPABLE, 0);
  const auto ready = header(0, wire::Type::kReady);
  if (*variable(environment, "SOCK_STANDBY=") == '1') write_channel(&ready, sizeof ready);
  for (;;) {
    const Frame* frame = ground.channel.wait();
    if (frame->header.type == wire::Type::kSetup) {
      const auto* payload = reinterpret_cast<const char*>(frame->payload);
      ground.environment.set_up({payload, payload + frame->header.length});
    } else if (frame->header.type == wire::Type::kRequest) {
      Call(ground, *frame, born, sealed).run();
      born = sealed = 0;
    }
  }
}

}  // namespace sock::program
