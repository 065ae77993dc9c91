// A test is a function with a sentence for a name. Each runs in a process of its own, so it may change namespaces, ids, limits and masks as
// it likes, and a crash or a hang is only its own failure.
#pragma once

#include <functional>
#include <source_location>
#include <sstream>
#include <string>

#include "../core/sys.h"

namespace sock::test {

struct Registration {
  Registration(const char* name, void (*run)());
};

/// Ends the test as failed.
[[noreturn]] void fail(const std::string& why, std::source_location at = std::source_location::current());
/// Ends the test as skipped; with REQUIRE_KERNEL=1 in the environment as failed.
[[noreturn]] void skip(const std::string& why);
/// A line for the reader, no result.
void note(const std::string& text);

inline void expect(bool holds, const std::string& what, std::source_location at = std::source_location::current()) {
  if (!holds) fail(what, at);
}

template <typename A, typename B>
void expect_equal(const A& got, const B& wanted, const std::string& what, std::source_location at = std::source_location::current()) {
  if (got == wanted) return;
  std::ostringstream text;
  text << what << ": got " << got << ", wanted " << wanted;
  fail(text.str(), at);
}

/// The SysError that `attempt` throws; fails when it throws none.
SysError expect_throw(const std::string& what, const std::function<void()>& attempt,
                      std::source_location at = std::source_location::current());

void need_root();
/// For a test that gives up what LeakSanitizer needs at the end of the process.
void without_leak_check();

}  // namespace sock::test

#define SOCK_JOIN_(a, b) a##b
#define SOCK_JOIN(a, b) SOCK_JOIN_(a, b)
#define TEST(name)                                                                                               \
  static void SOCK_JOIN(test_at_, __LINE__)();                                                                   \
  static const sock::test::Registration SOCK_JOIN(registration_, __LINE__){name, SOCK_JOIN(test_at_, __LINE__)}; \
  static void SOCK_JOIN(test_at_, __LINE__)()
