#include "environment.h"

namespace sock::program {
namespace {

// `variable` is NAME=…: whether `other` has the same name.
bool same_name(const char* variable, const char* other) noexcept {
  while (*variable == *other && *variable && *variable != '=') variable++, other++;
  return *variable == '=' && *other == '=';
}

bool begins(const char* text, const char* with) noexcept {
  while (*with && *text == *with) text++, with++;
  return *with == 0;
}

// The members of a head, and what they are called in the environment. Headers stay JSON.
struct Name {
  const char *member, *variable;
};
constexpr Name kNames[] = {{"id", "SOCK_REQUEST_ID="},     {"method", "SOCK_METHOD="},  {"root", "SOCK_ROOT="},
                           {"path", "SOCK_PATH="},         {"query", "SOCK_QUERY="},    {"client", "SOCK_CLIENT="},
                           {"deadline", "SOCK_DEADLINE="}, {"headers", "SOCK_HEADERS="}};

}  // namespace

void Environment::begin(char** environment) noexcept {
  for (; *environment; environment++) {
    const bool ours = begins(*environment, "SOCK_STANDBY=") || begins(*environment, "SOCK_BORN=") || begins(*environment, "SOCK_SEALED=");
    if (!ours) add(*environment);
  }
}

void Environment::set_up(Text payload) noexcept {
  Arena arena(own_, sizeof own_);
  for (Members setup(payload); setup.next();) {
    if (!setup.name().is("environment")) continue;
    for (Members variable(setup.value()); variable.next();) {
      char* begin = arena.mark();
      arena.put_decoded(variable.name());
      arena.put('=');
      arena.put_decoded(unquoted(variable.value()));
      arena.put('\0');
      if (arena.full())
        too_much_ = true;
      else
        add(begin);
    }
  }
}

void Environment::add(char* variable) noexcept {
  if (begins(variable, "SOCK_STREAM=")) streams_ = variable[12] == '1' && variable[13] == 0;
  for (unsigned i = 0; i < count_; i++)
    if (same_name(variable, variables_[i])) {
      variables_[i] = variable;
      return;
    }
  if (count_ < kMost)
    variables_[count_++] = variable;
  else
    too_much_ = true;
}

char** Environment::of_request(Text head) noexcept {
  Arena arena(request_, sizeof request_);
  unsigned count = count_;
  for (Members member(head); member.next();)
    for (const Name& name : kNames) {
      if (!member.name().is(name.member) || count == count_ + kOfRequest) continue;
      variables_[count++] = arena.mark();
      arena.put(name.variable);
      if (*member.value().begin == '"')
        arena.put_decoded(unquoted(member.value()));
      else
        arena.put(member.value());
      arena.put('\0');
    }
  variables_[count] = nullptr;
  return too_much_ || arena.full() ? nullptr : variables_;
}

}  // namespace sock::program
