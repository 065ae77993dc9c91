// /tmp/output, where programs written for OpenLambda leave their result. Whatever a lambda puts there, nothing but a regular file of this
// run counts.
#pragma once

namespace sock::program {

/// Removes what a run before has left. A negative errno when a file is there still.
long remove_result(const char* path) noexcept;
/// A descriptor, or -1 when there is no such file.
int open_result(const char* path) noexcept;

}  // namespace sock::program
