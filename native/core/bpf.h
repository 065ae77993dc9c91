// Compiles a seccomp policy to classic BPF: a balanced tree over ranges of system call numbers.
// The kernel runs a filter once for every number when it is installed (to build its cache of plain allows), so what counts is the
// sum of the path lengths: a tree over ranges installs several times faster than the list of comparisons that fits the same policy.
#pragma once

#include <linux/filter.h>
#include <stdint.h>

#include <map>
#include <vector>

namespace sock {

/// One comparison of a system call's argument: `(low32(argument) & mask) == value` gives `then`; a rule falls through its cases to `otherwise`.
struct ArgCase {
  uint32_t mask;
  uint32_t value;
  uint32_t then;  // SECCOMP_RET_…
};
struct ArgRule {
  unsigned argument;  // 0..5
  std::vector<ArgCase> cases;
  uint32_t otherwise;  // SECCOMP_RET_…
};

struct Policy {
  std::map<unsigned, uint32_t> actions;  // system call number -> SECCOMP_RET_…
  std::map<unsigned, ArgRule> rules;     // numbers that depend on an argument
  uint32_t otherwise;                    // for every number not named
  bool native_only = true;               // kill on a call of another architecture (int 0x80); needless where an earlier filter does so
};

/// The program for this machine's native calls.
std::vector<sock_filter> compile(const Policy& policy);

}  // namespace sock
