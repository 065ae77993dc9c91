// What Node's fs cannot do with cgroup v2.
#pragma once

#include <string>

namespace sock {

/// Kills everything in the subtree (cgroup.kill, Linux 5.14) and waits for the kernel's word that nothing is left; then removes its directories.
/// At most `timeout_ms` for the waiting; throws SysError ETIMEDOUT after it.
void destroy_cgroup(const std::string& directory, int timeout_ms);

/// True when the cgroup is delegated to its unit (systemd Delegate=yes, told by an extended attribute).
bool delegated_cgroup(const std::string& directory);

}  // namespace sock
