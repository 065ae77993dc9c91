#include "cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <chrono>
#include <memory>
#include <vector>

#include "fd.h"
#include "sys.h"

namespace sock {
namespace {

bool populated(int events, const std::string& path) {
  char text[256];
  const ssize_t size = sys("pread", path, [&] { return pread(events, text, sizeof text - 1, 0); });
  return std::string(text, static_cast<size_t>(size)).find("populated 1") != std::string::npos;
}

void wait_until_empty(const std::string& directory, int timeout_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  const std::string path = directory + "/cgroup.events";
  const OwnFd events(sys("open", path, [&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  while (populated(events.get(), path)) {
    pollfd changed{events.get(), POLLPRI, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0 || sys("poll", path, [&] { return poll(&changed, 1, static_cast<int>(left)); }) == 0) throw SysError(ETIMEDOUT, "kill cgroup", directory);
  }
}

void remove_tree(const std::string& directory) {
  std::vector<std::string> below;
  {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(directory.c_str()), closedir);
    if (!listing) throw SysError(errno, "opendir", directory);
    while (const dirent* entry = readdir(listing.get()))
      if (entry->d_type == DT_DIR && entry->d_name[0] != '.') below.push_back(directory + "/" + entry->d_name);
  }
  for (const auto& child : below) remove_tree(child);
  sys("rmdir", directory, [&] { return rmdir(directory.c_str()); });
}

}  // namespace

void destroy_cgroup(const std::string& directory, int timeout_ms) {
  const std::string path = directory + "/cgroup.kill";
  {
    const OwnFd kill(sys("open", path, [&] { return open(path.c_str(), O_WRONLY | O_CLOEXEC); }));
    sys("write", path, [&] { return write(kill.get(), "1", 1); });
  }
  wait_until_empty(directory, timeout_ms);
  remove_tree(directory);
}

bool delegated_cgroup(const std::string& directory) {
  char value[8];
  for (const char* name : {"trusted.delegate", "user.delegate"})
    if (getxattr(directory.c_str(), name, value, sizeof value) > 0 && value[0] == '1') return true;
  return false;
}

}  // namespace sock
