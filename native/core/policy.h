// The two seccomp policies of the sandbox. The zygote installs `base` once and its leaves inherit it; each leaf adds `seal`, which takes
// away what its own set-up needed. Together they are the allow-list of lambda code.
#pragma once

#include "bpf.h"

namespace sock {

/// The allow-list of lambda code plus the calls with which a leaf finishes its sandbox. Unknown numbers give ENOSYS, known refused ones EPERM.
Policy base_policy();
/// Refuses the set-up calls; allows all else (which `base` has judged already).
Policy seal_policy();

}  // namespace sock
