// Detached mounts: made by the host's root, visible nowhere, handed on as descriptors. A killed worker leaves none behind.
#pragma once

#include <stdint.h>

#include <string>

#include "fd.h"

namespace sock {

/// A read-only, nosuid, nodev clone of the tree at `path` (with what is mounted below it), private.
OwnFd bind_tree(const std::string& path);
/// The same without what is mounted below it. About 10 us.
OwnFd bind_directory(const std::string& path);

/// A read-only /dev of null, zero, full, random, urandom and the usual links.
OwnFd devices();

struct ScratchOptions {
  uint64_t bytes;
  uint64_t inodes;
  uint32_t uid;  // of the host: owner of what the sandbox may write to
};
/// The private memory of one sandbox: a tmpfs with `tmp`, `shm` (both 1777) and `host`, nosuid, nodev.
OwnFd scratch(const ScratchOptions& options);
/// Other bounds for one that nothing is in yet; its uid stays.
void resize_scratch(int scratch, const ScratchOptions& options);

}  // namespace sock
