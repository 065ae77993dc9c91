#include "bpf.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include <stdexcept>

namespace sock {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "seccomp policies are written for x86-64 and aarch64"
#endif

using Program = std::vector<sock_filter>;

sock_filter load(size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)); }
sock_filter give(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

// From its first number up to the next range's, every call does the same.
struct Range {
  unsigned first;
  const ArgRule* rule;  // or null:
  uint32_t action;
};

std::vector<Range> ranges(const Policy& policy) {
  std::vector<Range> out{{0, nullptr, policy.otherwise}};
  const auto begin = [&](unsigned number, const ArgRule* rule, uint32_t action) {
    if (out.back().first == number) out.pop_back();
    if (out.empty() || rule || out.back().rule || out.back().action != action) out.push_back({number, rule, action});
  };
  std::map<unsigned, const ArgRule*> named;
  for (const auto& [number, action] : policy.actions) named[number] = nullptr;
  for (const auto& [number, rule] : policy.rules) named[number] = &rule;
  for (const auto& [number, rule] : named) {
    begin(number, rule, rule ? 0 : policy.actions.at(number));
    if (!named.contains(number + 1)) begin(number + 1, nullptr, policy.otherwise);
  }
  return out;
}

Program decide(const ArgRule& rule) {
  Program out{load(offsetof(seccomp_data, args) + 8 * rule.argument)};  // the low half: little-endian
  for (const auto& c : rule.cases) {
    if (c.mask != ~0u) out.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, c.mask));
    out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c.value, 0, 1));
    out.push_back(give(c.then));
    if (c.mask != ~0u) out.push_back(load(offsetof(seccomp_data, args) + 8 * rule.argument));
  }
  out.push_back(give(rule.otherwise));
  return out;
}

Program tree(const std::vector<Range>& all, size_t low, size_t high) {
  if (high - low == 1) return all[low].rule ? decide(*all[low].rule) : Program{give(all[low].action)};
  const size_t middle = low + (high - low) / 2;
  const Program below = tree(all, low, middle), from = tree(all, middle, high);
  Program out;
  if (below.size() <= 255) {
    out.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, all[middle].first, static_cast<uint8_t>(below.size()), 0));
  } else {
    out.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, all[middle].first, 0, 1));
    out.push_back(BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(below.size())));
  }
  out.insert(out.end(), below.begin(), below.end());
  out.insert(out.end(), from.begin(), from.end());
  return out;
}

}  // namespace

std::vector<sock_filter> compile(const Policy& policy) {
  Program out;
  if (policy.native_only)
    out = {load(offsetof(seccomp_data, arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0), give(SECCOMP_RET_KILL_PROCESS)};
  out.push_back(load(offsetof(seccomp_data, nr)));
  const auto all = ranges(policy);
  const Program body = tree(all, 0, all.size());
  out.insert(out.end(), body.begin(), body.end());
  if (out.size() > BPF_MAXINSNS) throw std::length_error("seccomp policy too long for one filter");
  return out;
}

}  // namespace sock
