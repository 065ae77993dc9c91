// How a leaf finishes its own sandbox.
#pragma once

#include "../core/wire.h"

struct sock_fprog;

namespace sock::guest {

/// The zygote's only descriptor besides 0, 1 and 2.
inline constexpr int kForkSocket = 3;

/// Which of wire::kMaskedProc this kernel has and lets anybody read, a bit each; asked once, in the zygote.
uint32_t maskable() noexcept;

/// Runs every step of the sandbox on the calling process, which is the freshly cloned leaf; afterwards it holds no privilege and its only
/// descriptors are 0 (/dev/null), 1, 2 (the log pipes) and 3 (the channel). On failure tells the channel which step, and ends the process.
void contain(const wire::ForkRequest& request, const int* fds, uint32_t masks, const sock_fprog& seal) noexcept;

}  // namespace sock::guest
