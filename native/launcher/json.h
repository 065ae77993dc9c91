// JSON as the worker writes it (JSON.stringify), for programs without libc: members of an object, and strings. Reads nothing beyond the
// text, whatever that is; of a text that is no JSON it makes something.
#pragma once

#include <stdint.h>

namespace sock::program {

struct Text {
  const char *begin, *end;
  unsigned long size() const noexcept { return static_cast<unsigned long>(end - begin); }
  bool is(const char* word) const noexcept;
};

/// The raw values of an object, one after the other.
class Members {
 public:
  explicit Members(Text object) noexcept;
  /// False at the end. Then name() is without its quotes and with its escapes, value() is JSON.
  bool next() noexcept;
  Text name() const noexcept { return name_; }
  Text value() const noexcept { return value_; }

 private:
  const char *at_, *end_;
  Text name_, value_;
};

/// What is between the quotes; an empty text when it is no string.
Text unquoted(Text value) noexcept;

/// Appends text to memory of a fixed size; what does not fit makes it `full`.
class Arena {
 public:
  Arena(char* memory, unsigned long size) noexcept : at_(memory), end_(memory + size) {}
  /// Where the next text will begin.
  char* mark() const noexcept { return at_; }
  bool full() const noexcept { return full_; }
  void put(char c) noexcept;
  void put(const char* text) noexcept;
  void put(Text text) noexcept;
  /// A string's inside, its escapes resolved. NUL, which no variable can hold, is left out.
  void put_decoded(Text inside) noexcept;
  void put_number(uint64_t number) noexcept;

 private:
  void put_code_point(uint32_t point) noexcept;
  char *at_, *end_;
  bool full_ = false;
};

}  // namespace sock::program
