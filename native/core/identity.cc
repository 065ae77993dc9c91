#include "identity.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>
#include <string>

#include "sys.h"

namespace sock {
namespace {

// linux/pidfd.h of Linux 6.13; older headers have neither.
struct PidfdInfo {
  uint64_t mask, cgroup_id;
  uint32_t pid, rest[11];
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
constexpr uint64_t kCgroupId = 1 << 2;

std::string text_of(const std::string& path) {
  const OwnFd file(sys("open", path, [&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  std::string text;
  char part[4096];
  while (const ssize_t size = sys("read", path, [&] { return read(file.get(), part, sizeof part); })) text.append(part, static_cast<size_t>(size));
  return text;
}

bool has_line(const std::string& text, const std::string& line) {
  std::istringstream lines(text);
  for (std::string l; std::getline(lines, l);)
    if (l == line) return true;
  return false;
}

std::string processes_of(int cgroup) { return text_of("/proc/self/fd/" + std::to_string(cgroup) + "/cgroup.procs"); }

// Before Linux 6.13: by its number, which is its own as long as the pidfd is not readable.
bool listed(int pidfd, int cgroup) {
  const std::string info = text_of("/proc/self/fdinfo/" + std::to_string(pidfd));
  const size_t at = info.find("Pid:\t");
  if (at == std::string::npos) return false;
  const std::string pid = info.substr(at + 5, info.find('\n', at) - at - 5);
  return has_line(processes_of(cgroup), pid);
}

bool ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return poll(&p, 1, 0) == 1;
}

}  // namespace

bool is_leaf_of(int pidfd, int cgroup) {
  PidfdInfo info{};
  info.mask = kCgroupId;
  if (ioctl(pidfd, kPidfdGetInfo, &info) == 0 && (info.mask & kCgroupId)) {
    struct stat directory {};
    sys("fstat", "cgroup", [&] { return fstat(cgroup, &directory); });
    if (info.cgroup_id == directory.st_ino) return true;  // a cgroup's id is its directory's inode number
  } else if (listed(pidfd, cgroup)) {
    return true;
  }
  return ended(pidfd);  // by then it has left its cgroup
}

void reap_strays(uint32_t first, uint32_t count) {
  std::istringstream children(text_of("/proc/self/task/" + std::to_string(syscall(SYS_gettid)) + "/children"));
  for (pid_t pid = 0; children >> pid;) {
    struct stat process {};
    if (stat(("/proc/" + std::to_string(pid)).c_str(), &process) != 0 || process.st_uid - first >= count) continue;
    siginfo_t info;
    (void)waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | __WALL);  // one that runs is not waited for
  }
}

OwnFd orphan_in(int cgroup) {
  const std::string pids = processes_of(cgroup);
  if (pids.empty()) return OwnFd();
  const long pidfd = syscall(SYS_pidfd_open, std::stoi(pids), 0);
  return OwnFd(pidfd < 0 ? -1 : static_cast<int>(pidfd));  // ESRCH: it has just ended
}

}  // namespace sock
