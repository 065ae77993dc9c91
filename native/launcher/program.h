// The ground of programs without libc: where they begin, how they end, what time it is, and how a frame is put on the channel.
// Such a program is static, a few pages large, and needs no file but itself in its root.
#pragma once

#include <stdint.h>

#include "../core/raw.h"
#include "../core/wire.h"

namespace sock::program {

inline constexpr int kChannel = 3;

/// What the program does; each has its own.
[[noreturn]] void run(char** argv, char** environment) noexcept;

[[noreturn]] void leave(int code) noexcept;
/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t now() noexcept;
/// Ends the program when the worker has hung up.
void write_channel(const void* bytes, unsigned long size) noexcept;

constexpr wire::FrameHeader header(unsigned long length, wire::Type type, uint32_t request = 0) noexcept {
  return {static_cast<uint32_t>(length), wire::kVersion, type, 0, request};
}

}  // namespace sock::program
