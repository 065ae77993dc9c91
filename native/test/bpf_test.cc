// The compiler of seccomp policies: whatever the policy, the program decides as the policy says.
#include "../core/bpf.h"

#include <errno.h>
#include <linux/audit.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <random>
#include <set>

#include "../core/policy.h"
#include "bpf_machine.h"
#include "harness.h"
#include "rig.h"

namespace {

using namespace sock;
using namespace sock::test;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW, kErrno = SECCOMP_RET_ERRNO;

// The policy read as a plain map.
uint32_t decide(const Policy& policy, const seccomp_data& data) {
  const auto number = static_cast<unsigned>(data.nr);
  if (const auto rule = policy.rules.find(number); rule != policy.rules.end()) {
    for (const auto& c : rule->second.cases)
      if ((static_cast<uint32_t>(data.args[rule->second.argument]) & c.mask) == c.value) return c.then;
    return rule->second.otherwise;
  }
  const auto action = policy.actions.find(number);
  return action == policy.actions.end() ? policy.otherwise : action->second;
}

// Values at which a rule can change its mind, and others.
std::vector<uint64_t> values(const ArgRule& rule) {
  std::vector<uint64_t> out{0, 1, 0x7fffffff, 0xffffffff, 0x100000000, ~0ull};
  const uint64_t high = 0xdeadbeef00000000;
  for (const auto& c : rule.cases) {
    const uint64_t value = c.value, mask = c.mask;
    out.insert(out.end(), {value, value + 1, value - 1, value | (~mask & 0xffffffff), mask, ~mask, value | high});
  }
  return out;
}

void check_all(const Policy& policy, unsigned most, const std::string& name) {
  const auto program = compile(policy);
  const auto check = [&](const seccomp_data& data) {
    std::ostringstream what;
    what << name << ": call " << data.nr << " with " << std::hex << data.args[0] << ", " << data.args[1] << ", " << data.args[2];
    expect_equal(run_filter(program, data).action, decide(policy, data), what.str());
  };
  for (unsigned number = 0; number <= most; number++) {
    check(call_data(number));
    check(call_data(number | 0x40000000));
    const auto rule = policy.rules.find(number);
    if (rule == policy.rules.end()) continue;
    for (const uint64_t v : values(rule->second)) {
      seccomp_data data = call_data(number, {7, 7, 7, 7, 7, 7});  // the others do not matter
      data.args[rule->second.argument] = v;
      check(data);
    }
  }
  check(call_data(0xffffffff));
}

double average_steps(const Policy& policy, unsigned numbers) {
  const auto program = compile(policy);
  double sum = 0;
  for (unsigned n = 0; n < numbers; n++) sum += run_filter(program, call_data(n)).steps;
  return sum / numbers;
}

TEST("bpf: the base program decides like its policy, for every number and argument") { check_all(base_policy(), 600, "base"); }
TEST("bpf: the seal program decides like its policy, for every number and argument") { check_all(seal_policy(), 600, "seal"); }

TEST("bpf: another architecture kills the process, whatever it calls") {
  const auto program = compile(base_policy());  // which is under every seal
  for (unsigned number = 0; number <= 600; number++)
    for (const uint32_t arch : {uint32_t{AUDIT_ARCH_I386}, uint32_t{AUDIT_ARCH_ARM}, uint32_t{0}}) {
      seccomp_data data = call_data(number);
      data.arch = arch;
      expect_equal(run_filter(program, data).action, uint32_t{SECCOMP_RET_KILL_PROCESS}, "call " + std::to_string(number));
    }
}

TEST("bpf: jumps over more than 255 instructions arrive") {
  // Alternating actions make a range of each number, so the halves of the tree are far longer than a jump's byte.
  Policy policy{.actions = {}, .rules = {}, .otherwise = kErrno | ENOSYS};
  for (unsigned n = 0; n < 1200; n++) policy.actions[n] = n % 2 ? kAllow : kErrno | (n % 4000);
  expect(compile(policy).size() > 1200, "the policy is not big");
  check_all(policy, 1300, "alternating");
}

TEST("bpf: a rule longer than a jump reaches is jumped over and entered") {
  Policy policy{.actions = {{10, kAllow}, {30, kErrno | 30}}, .rules = {}, .otherwise = kErrno | ENOSYS};
  ArgRule rule{3, {}, kErrno | EPERM};
  for (unsigned v = 0; v < 300; v++) rule.cases.push_back({v % 2 ? ~0u : 0xffffu, v, kErrno | (v + 1)});
  policy.rules[20] = rule;
  check_all(policy, 50, "long rule");
}

TEST("bpf: numbers side by side, at the ends, doubled, and rules between them") {
  const ArgRule even{5, {{1, 0, kAllow}}, kErrno | EINVAL};
  const std::vector<Policy> table{
      {.actions = {}, .rules = {}, .otherwise = kAllow},
      {.actions = {{0, kAllow}}, .rules = {}, .otherwise = kErrno | 1},
      {.actions = {{0, kErrno | 1}}, .rules = {}, .otherwise = kErrno | 1},
      {.actions = {{1, kAllow}, {2, kAllow}, {3, kAllow}, {5, kAllow}, {6, kErrno | 2}}, .rules = {}, .otherwise = kErrno | 1},
      {.actions = {{4, kErrno | 1}, {5, kErrno | 1}, {6, kAllow}}, .rules = {}, .otherwise = kErrno | 1},
      {.actions = {{7, kAllow}}, .rules = {{7, even}}, .otherwise = kErrno | 1},  // named twice: the rule counts
      {.actions = {{6, kAllow}, {8, kAllow}}, .rules = {{7, even}}, .otherwise = kErrno | 1},
      {.actions = {}, .rules = {{0, even}, {1, even}, {2, even}}, .otherwise = kAllow},
      {.actions = {{599, kAllow}, {600, kErrno | 3}}, .rules = {}, .otherwise = kErrno | 1},
  };
  for (size_t i = 0; i < table.size(); i++) check_all(table[i], 610, "row " + std::to_string(i));
}

TEST("bpf: a thousand random policies") {
  std::mt19937 random(20);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int round = 0; round < 1000; round++) {
    Policy policy{.actions = {}, .rules = {}, .otherwise = kErrno | below(3)};
    const unsigned most = 1 + below(60);
    for (unsigned i = below(40); i-- > 0;) policy.actions[below(most)] = below(2) ? kAllow : kErrno | below(3);
    for (unsigned i = below(4); i-- > 0;) {
      ArgRule rule{below(6), {}, kErrno | below(3)};
      for (unsigned c = below(5); c-- > 0;) {
        const uint32_t mask = below(2) ? ~0u : static_cast<uint32_t>(random());
        rule.cases.push_back({mask, static_cast<uint32_t>(random()) & mask, kErrno | below(9)});
      }
      policy.rules[below(most)] = rule;
    }
    check_all(policy, most + 2, "round " + std::to_string(round));
  }
}

TEST("bpf: a range costs two instructions, and neighbours that do the same are one range") {
  const auto size = [](std::map<unsigned, uint32_t> actions) {
    return compile({.actions = std::move(actions), .rules = {}, .otherwise = kErrno | 1}).size();
  };
  const size_t head = 4;  // architecture and number
  expect_equal(size({}), head + 1, "nothing named");
  expect_equal(size({{0, kAllow}}), head + 3, "the first number");
  expect_equal(size({{5, kAllow}}), head + 5, "one number");
  expect_equal(size({{5, kAllow}, {6, kAllow}, {7, kAllow}}), head + 5, "three side by side");
  expect_equal(size({{5, kErrno | 1}}), head + 1, "one that does what all do");
}

TEST("bpf: a policy too long for the kernel is refused") {
  Policy policy{.actions = {}, .rules = {}, .otherwise = kAllow};
  for (unsigned n = 0; n < 4000; n++) policy.actions[n] = kErrno | (n % 4000);
  try {
    (void)compile(policy);
  } catch (const std::length_error&) {
    return;
  }
  fail("it was compiled");
}

TEST("bpf: both programs are short and their paths shorter") {
  const auto base = compile(base_policy()), seal = compile(seal_policy());
  // The guest keeps 512 instructions of the seal (guest.cc).
  expect(seal.size() <= 512, "the guest has no room for the seal");
  const double base_steps = average_steps(base_policy(), 463), seal_steps = average_steps(seal_policy(), 463);
  std::ostringstream text;
  text << "base " << base.size() << " instructions, " << base_steps << " on the average path; seal " << seal.size() << ", " << seal_steps;
  note(text.str());
  // What installing costs is the sum of the paths; a list of comparisons would have more than 100 on the average.
  expect(base_steps < 20 && seal_steps < 20, text.str());
}

}  // namespace
