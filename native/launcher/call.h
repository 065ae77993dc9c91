// One request of a native lambda: its body to the program, the program's result to the worker.
#pragma once

#include "environment.h"
#include "message.h"
#include "process.h"
#include "reply.h"

namespace sock::program {

/// What all calls of a leaf have in common. Large, and used up to where it is needed: pages that no call has touched do not exist.
struct Ground {
  const char* program;  // absolute path
  const char* result;   // where a program may write its result
  int watch;            // of watch_children()
  Channel channel;
  Environment environment;
  uint8_t body[wire::kWindow + 1];  // of the request, one byte for a NUL behind it
  uint8_t output[wire::kWindow];    // of the program, or the file that it has written
  char errors[4096];                // the last of its standard error
};

class Call {
 public:
  /// Of a kRequest frame, the last that was taken from the channel. `born`, `sealed`: for the first call of a leaf, else 0.
  Call(Ground& ground, const Frame& request, uint64_t born, uint64_t sealed) noexcept;
  /// Returns when the request has been answered and nothing of its program is left.
  void run() noexcept;

 private:
  void load_only() noexcept;
  bool gather_body() noexcept;
  bool start() noexcept;
  bool serve() noexcept;
  void end_all() noexcept;
  void give_up() noexcept;
  void finish() noexcept;
  void send_file(int fd) noexcept;

  void take_frames() noexcept;
  void append_body(const uint8_t* bytes, unsigned long size) noexcept;
  void feed() noexcept;
  void drain_output() noexcept;
  void drain_errors() noexcept;
  void cannot(const char* what, const char* subject, long error) noexcept;
  void raised(const Message& message) noexcept;

  /// How much of the program's output may be read now.
  unsigned long room() const noexcept { return reply_.begun() ? reply_.credit() : sizeof ground_.output - held_; }

  Ground& ground_;
  const uint32_t number_;
  const bool load_only_;
  Reply reply_;
  Process process_;
  // The body that has come and not been used: a ring, whose first round is what argv[1] can be taken from.
  unsigned long first_ = 0, count_ = 0, used_ = 0;
  bool last_, ended_ = false, cancelled_ = false;
  unsigned long held_ = 0, errors_ = 0;
  char** variables_;
};

}  // namespace sock::program
