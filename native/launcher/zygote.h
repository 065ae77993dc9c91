// A zygote that is a program without libc: serves forks with the guest library's code.
#pragma once

#include "../guest/guest.h"

namespace sock::program {

/// Returns in each leaf, sealed, with the channel as descriptor 3. In the zygote itself never: it ends with the worker.
GuestRole serve_forks() noexcept;

}  // namespace sock::program
