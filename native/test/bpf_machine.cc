#include "bpf_machine.h"

#include <linux/audit.h>
#include <string.h>

#include "harness.h"

namespace sock::test {

Decision run_filter(const std::vector<sock_filter>& program, const seccomp_data& data) {
  uint32_t a = 0;
  unsigned steps = 0;
  for (size_t at = 0; at < program.size(); at++) {
    const sock_filter& i = program[at];
    steps++;
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (i.k % 4 != 0 || i.k + 4 > sizeof data) fail("a load out of bounds");
        memcpy(&a, reinterpret_cast<const char*>(&data) + i.k, sizeof a);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= i.k;
        break;
      case BPF_JMP | BPF_JA:
        at += i.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += a == i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += a >= i.k ? i.jt : i.jf;
        break;
      case BPF_RET | BPF_K:
        return {i.k, steps};
      default:
        fail("an instruction of code " + std::to_string(i.code));
    }
  }
  fail("a path that leaves the program");
}

uint32_t strictest(const std::vector<uint32_t>& oldest_first) {
  uint32_t result = SECCOMP_RET_ALLOW;
  // The kernel compares actions as signed numbers, so that KILL_PROCESS (0x80000000) is the lowest; it begins with the newest.
  const auto order = [](uint32_t r) { return static_cast<int32_t>(r & SECCOMP_RET_ACTION_FULL); };
  for (auto r = oldest_first.rbegin(); r != oldest_first.rend(); ++r)
    if (order(*r) < order(result)) result = *r;
  return result;
}

seccomp_data call_data(unsigned number, std::vector<uint64_t> arguments) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
#if defined(__x86_64__)
  data.arch = AUDIT_ARCH_X86_64;
#else
  data.arch = AUDIT_ARCH_AARCH64;
#endif
  for (size_t i = 0; i < arguments.size(); i++) data.args[i] = arguments[i];
  return data;
}

}  // namespace sock::test
