// The library inside a zygote: serves fork requests, and finishes each leaf's sandbox before the interpreter runs on in it.
// Freestanding, so that it loads under any libc; nothing here allocates.
#pragma once

#include <stdint.h>

#define GUEST_EXPORT __attribute__((visibility("default")))

extern "C" {

/// The interpreter's own fork handlers, each may be null. `child` runs in the leaf once it has given up every privilege.
struct GuestHooks {
  void (*before)(void);
  void (*parent)(void);
  void (*child)(void);
};

enum GuestRole { kGuestForked = 0, kGuestStandby = 1 };

/// Serves the fork socket (descriptor 3). Returns a GuestRole in each leaf, in which descriptor 3 is now the channel;
/// in the zygote a negative errno: -ESHUTDOWN when the worker has hung up, -EBUSY when threads run that a fork would lose.
GUEST_EXPORT int guest_serve(const GuestHooks* hooks);

/// Waits for the channel to become readable without going to sleep, for at most so many nanoseconds; whoever else wants the processor gets it.
GUEST_EXPORT void guest_spin(uint64_t nanoseconds);

/// In a leaf: when it was born and when it was sealed, nanoseconds of CLOCK_MONOTONIC.
GUEST_EXPORT uint64_t guest_born(void);
GUEST_EXPORT uint64_t guest_sealed(void);
}
