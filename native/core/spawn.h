// Starting a process without a zygote: from the worker itself, by a plan.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "clone.h"

namespace sock {

struct SpawnOptions {
  int user;                // user namespace
  int cgroup;              // directory to be born in
  std::string staging;     // an empty directory of the host
  struct Mount {
    int tree;
    std::string target;
  };
  std::vector<Mount> mounts;  // the first is the new root; see plan.h
  std::string hostname;
  int control;
  int stdio[3];
  std::vector<std::pair<int, uint64_t>> limits;  // RLIMIT_…, value
  std::vector<std::string> argv;                 // argv[0] is the path in the new root
  std::vector<std::string> environment;
};

/// Returns when the program runs. Throws SysError that names the step that failed.
Child spawn(const SpawnOptions& options);

}  // namespace sock
