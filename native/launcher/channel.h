// The leaf's end of the channel, for programs without libc: frames in, frames out.
#pragma once

#include <sys/uio.h>

#include "program.h"

namespace sock::program {

struct Frame {
  wire::FrameHeader header;
  const uint8_t* payload;  // until the next frame is asked for
};

class Channel {
 public:
  /// The next frame of those that have been read whole; null when there is none.
  const Frame* next() noexcept;
  /// Reads what has come, waits when nothing has. Ends the program when the worker has hung up.
  void read() noexcept;
  /// The next frame, waited for.
  const Frame* wait() noexcept;

 private:
  static constexpr unsigned long kRead = 1 << 16;
  static constexpr unsigned long kCapacity = sizeof(wire::FrameHeader) + wire::kMaxPayload + kRead;

  uint8_t bytes_[kCapacity];  // [begin_, end_) has been read and not been used
  unsigned long begin_, end_;
  Frame frame_;
};

/// Writes several parts at once.
void write_channel(iovec* parts, unsigned count) noexcept;

template <typename T>
iovec part(const T& value) noexcept {
  return {const_cast<T*>(&value), sizeof value};
}

}  // namespace sock::program
