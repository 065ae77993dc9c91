// A line for the author of a lambda, made without libc.
#pragma once

#include "json.h"

namespace sock::program {

class Message : public Arena {
 public:
  Message() noexcept : Arena(memory_, sizeof memory_) {}
  const char* text() const noexcept { return memory_; }
  unsigned long size() const noexcept { return static_cast<unsigned long>(mark() - memory_); }
  /// What a negative errno means, of what the author can mend; else its number.
  void put_reason(long error) noexcept;

 private:
  char memory_[512];
};

}  // namespace sock::program
