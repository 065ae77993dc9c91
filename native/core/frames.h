// Cuts the bytes of a channel into frames. The other end is not trusted: lengths, version and types are checked here.
#pragma once

#include <stdint.h>

#include <optional>
#include <span>
#include <vector>

#include "wire.h"

namespace sock {

struct Frame {
  wire::Type type;
  uint16_t flags;
  uint32_t request;
  std::span<const uint8_t> payload;  // valid during the call only
};

class FrameReader {
 public:
  /// Calls `on_frame` for each frame that is complete with these bytes; it returns false to stop (the channel was closed meanwhile).
  /// False when the bytes are no frames of this protocol; the channel is then of no use any more.
  template <typename OnFrame>
  bool feed(std::span<const uint8_t> bytes, OnFrame on_frame) {
    if (kept_.empty()) {
      const auto rest = cut(bytes, on_frame);
      if (rest) kept_.assign(rest->begin(), rest->end());
      return rest.has_value();
    }
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    const auto rest = cut(kept_, on_frame);
    if (rest) kept_.erase(kept_.begin(), kept_.end() - static_cast<ptrdiff_t>(rest->size()));
    return rest.has_value();
  }

 private:
  /// What is left when no whole frame is; nullopt when it is no frame.
  template <typename OnFrame>
  std::optional<std::span<const uint8_t>> cut(std::span<const uint8_t> bytes, OnFrame on_frame) {
    while (bytes.size() >= sizeof(wire::FrameHeader)) {
      wire::FrameHeader head;
      __builtin_memcpy(&head, bytes.data(), sizeof head);
      if (!valid(head)) return std::nullopt;
      if (bytes.size() < sizeof head + head.length) break;
      if (!on_frame(Frame{head.type, head.flags, head.request, bytes.subspan(sizeof head, head.length)})) return bytes.last(0);
      bytes = bytes.subspan(sizeof head + head.length);
    }
    return bytes;
  }
  static bool valid(const wire::FrameHeader& head);

  std::vector<uint8_t> kept_;  // an incomplete frame, at most one
};

}  // namespace sock
