// Runs classic BPF as the kernel runs a seccomp filter, and counts.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

#include <vector>

namespace sock::test {

struct Decision {
  uint32_t action;  // SECCOMP_RET_…
  unsigned steps;   // instructions executed
};

/// Fails the test on an instruction that compile() has no reason to make, a jump out of the program or back, a load out of bounds.
Decision run_filter(const std::vector<sock_filter>& program, const seccomp_data& data);

/// What the kernel does with the answers of filters installed one after another (seccomp(2)): the strictest; among equals the newest.
uint32_t strictest(const std::vector<uint32_t>& oldest_first);

/// This machine's own system call with these arguments.
seccomp_data call_data(unsigned number, std::vector<uint64_t> arguments = {});

}  // namespace sock::test
