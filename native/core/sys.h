// System calls that throw. The only way in which the core calls the kernel, save in the child after a clone.
#pragma once

#include <errno.h>
#include <string.h>

#include <stdexcept>
#include <string>

namespace sock {

/// A failed system call: what was called, on what, why. what() reads `mount "/srv/x": No such file or directory`.
class SysError : public std::runtime_error {
 public:
  SysError(int error, std::string call, const std::string& subject)
      : std::runtime_error(call + (subject.empty() ? "" : " \"" + subject + "\"") + ": " + strerror(error)), error(error), call(std::move(call)) {}
  const int error;
  const std::string call;
};

/// Runs `attempt` again while a signal interrupts it; throws SysError when it returns a negative value.
template <typename Attempt>
auto sys(const char* call, const std::string& subject, Attempt attempt) {
  for (;;) {
    auto result = attempt();
    if (result >= 0) return result;
    if (errno != EINTR) throw SysError(errno, call, subject);
  }
}

}  // namespace sock
