// What the launcher's leaves execute in the core's tests: tells what it finds when it begins, as the answer to every request.
#include <linux/auxvec.h>
#include <linux/prctl.h>

#include "../launcher/program.h"

namespace sock::program {
namespace {

using raw::at;
using raw::call;

char text[4096];
unsigned long length = 0;

void tell(const char* what) noexcept {
  while (*what && length < sizeof text) text[length++] = *what++;
}
void tell(const char* what, long number) noexcept {
  tell(what);
  char digits[] = "-000\n";
  const unsigned long amount = number < 0 ? static_cast<unsigned long>(-number) : static_cast<unsigned long>(number);
  for (unsigned long i = 3, rest = amount; i > 0; i--, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  tell(number < 0 ? digits : digits + 1);
}

void look_around(char** argv, char** environment) noexcept {
  for (; *argv; argv++) tell("argument "), tell(*argv), tell("\n");
  for (; *environment; environment++) tell("variable "), tell(*environment), tell("\n");
  for (auto* entry = reinterpret_cast<const unsigned long*>(environment + 1); entry[0] != AT_NULL; entry += 2)
    if (entry[0] == AT_SECURE) tell("secure ", static_cast<long>(entry[1]));
  int signal = 0;
  (void)call(__NR_prctl, PR_GET_PDEATHSIG, at(&signal));
  tell("parent's death ", signal);
  tell("dumpable ", call(__NR_prctl, PR_GET_DUMPABLE));
  tell("close-on-exec ", call(__NR_fcntl, kChannel, 1 /* F_GETFD */));
  tell("clone3 ", call(__NR_clone3, 0, 0));
  tell("keyctl ", call(__NR_keyctl, 0, -3, 0));
  tell("setns ", call(__NR_setns, kChannel, 0));
}

bool same(const char* a, const char* b) noexcept {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

bool standby(char** environment) noexcept {
  for (; *environment; environment++)
    if (same(*environment, "SOCK_STANDBY=1")) return true;
  return false;
}

void read(void* into, long size) noexcept {
  if (call(__NR_recvfrom, kChannel, at(static_cast<char*>(into)), size, 0x100 /* MSG_WAITALL */, 0, 0) != size) leave(0);
}

}  // namespace

void run(char** argv, char** environment) noexcept {
  look_around(argv, environment);
  const auto ready = header(0, wire::Type::kReady);
  if (standby(environment)) write_channel(&ready, sizeof ready);
  for (;;) {
    wire::FrameHeader request;
    read(&request, sizeof request);
    static char payload[1024];
    if (request.length > sizeof payload) leave(1);
    read(payload, request.length);
    const struct {
      wire::FrameHeader header;
      wire::Timing timing;
    } __attribute__((packed)) end = {header(sizeof(wire::Timing) + length, wire::Type::kEnd, request.request), {}};
    write_channel(&end, sizeof end);
    write_channel(text, length);
  }
}

}  // namespace sock::program
