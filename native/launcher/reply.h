// One reply on its way over the channel, under the worker's window.
#pragma once

#include "channel.h"

namespace sock::program {

class Reply {
 public:
  Reply(uint32_t request, const wire::Timing& timing) noexcept : request_(request), timing_(timing) {}

  wire::Timing& timing() noexcept { return timing_; }
  /// How many bytes of the body may be sent now.
  unsigned long credit() const noexcept { return credit_; }
  void more_credit(uint32_t bytes) noexcept { credit_ += bytes; }
  bool begun() const noexcept { return begun_; }

  /// All of it at once: `body` is within the credit, a window while nothing has been sent.
  void whole(const uint8_t* body, unsigned long size) noexcept;
  /// Begins one whose first bytes are these.
  void begin(const uint8_t* body, unsigned long size) noexcept;
  /// `size`: 1 to credit().
  void more(const uint8_t* body, unsigned long size) noexcept;
  /// Of one that is complete, or that nobody waits for any more.
  void end() noexcept;
  /// Of one that has begun and cannot be completed.
  void broken() noexcept;
  /// An error of the lambda's: what is said of it, in two parts with a newline between them.
  void raised(const char* text, unsigned long size, const char* more, unsigned long more_size) noexcept;

 private:
  const uint32_t request_;
  wire::Timing timing_;
  unsigned long credit_ = wire::kWindow;
  bool begun_ = false;
};

}  // namespace sock::program
