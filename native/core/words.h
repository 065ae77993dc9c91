// The words for what went wrong in a child, which can only report numbers.
#pragma once

#include <string>

#include "wire.h"

namespace sock {

/// `pivot into the sandbox's root`, with the item where the step has several.
std::string describe(const wire::SetupFailure& failure);

}  // namespace sock
