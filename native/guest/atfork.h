// The fork handlers that libraries registered with libc, for a clone that libc does not see.
#pragma once

namespace sock::guest {

/// False when more were registered than are kept: then a fork would skip some.
bool atfork_complete() noexcept;
void atfork_prepare() noexcept;
void atfork_parent() noexcept;
void atfork_child() noexcept;

}  // namespace sock::guest
