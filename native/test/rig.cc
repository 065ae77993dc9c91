#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../core/cgroup.h"
#include "harness.h"

namespace sock::test {

std::string read_text(const std::string& path) {
  const OwnFd file = open_at(AT_FDCWD, path, O_RDONLY);
  std::string text;
  char part[4096];
  while (const ssize_t size = sys("read", path, [&] { return read(file.get(), part, sizeof part); }))
    text.append(part, static_cast<size_t>(size));
  return text;
}

void write_text(const std::string& path, const std::string& text) {
  const OwnFd file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT, 0644);
  sys("write", path, [&] { return write(file.get(), text.data(), text.size()); });
}

OwnFd open_at(int directory, const std::string& path, int flags, mode_t mode) {
  return OwnFd(sys("open", path, [&] { return openat(directory, path.c_str(), flags | O_CLOEXEC, mode); }));
}

namespace {
// Deepest first.
std::vector<std::string> mounted_below(const std::string& path) {
  std::vector<std::string> out;
  std::istringstream lines(read_text("/proc/self/mounts"));
  for (std::string device, place, rest; lines >> device >> place && std::getline(lines, rest);)
    if (place.starts_with(path)) out.insert(out.begin(), place);
  return out;
}
}  // namespace

TempDir::TempDir() {
  char name[] = "/tmp/sock-core-test-XXXXXX";
  if (!mkdtemp(name)) throw SysError(errno, "mkdtemp", name);
  path_ = name;
}
TempDir::~TempDir() {
  std::error_code ignored;
  try {
    for (const auto& place : mounted_below(path_)) (void)umount2(place.c_str(), MNT_DETACH);
  } catch (const SysError&) {
    // no /proc any more: then no mounts of ours either
  }
  std::filesystem::remove_all(path_, ignored);
}
std::string TempDir::make(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  sys("mkdir", path, [&] { return mkdir(path.c_str(), 0755); });
  sys("chmod", path, [&] { return chmod(path.c_str(), 0755); });
  return path;
}

std::vector<std::string> descriptors(const std::string& pid) {
  const std::string directory = "/proc/" + pid + "/fd";
  DIR* listing = opendir(directory.c_str());
  if (!listing) throw SysError(errno, "opendir", directory);
  std::vector<int> numbers;
  while (const dirent* entry = readdir(listing))
    if (entry->d_name[0] != '.' && !(pid == "self" && atoi(entry->d_name) == dirfd(listing))) numbers.push_back(atoi(entry->d_name));
  closedir(listing);
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::string> out;
  for (const int n : numbers) {
    char target[256] = {};
    (void)!readlink((directory + "/" + std::to_string(n)).c_str(), target, sizeof target - 1);  // closed meanwhile: no target
    out.push_back(std::to_string(n) + " -> " + target);
  }
  return out;
}

std::string status_of(pid_t pid, const std::string& field) {
  std::istringstream lines(read_text("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(field + ":")) return line.substr(std::min(line.size(), line.find_first_not_of(" \t", field.size() + 1)));
  fail("no " + field + " in the status of a process");
}

std::string link_of(pid_t pid, const std::string& link) {
  const std::string path = "/proc/" + (pid == 0 ? std::string("self") : std::to_string(pid)) + "/" + link;
  char target[4096] = {};
  sys("readlink", path, [&] { return readlink(path.c_str(), target, sizeof target - 1); });
  return target;
}

pid_t pid_of(int pidfd) {
  std::istringstream lines(read_text("/proc/self/fdinfo/" + std::to_string(pidfd)));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("Pid:")) return std::max(0, atoi(line.c_str() + 4));
  fail("not a pidfd");
}

bool readable(int fd, int milliseconds) {
  pollfd p{fd, POLLIN, 0};
  return sys("poll", "", [&] { return poll(&p, 1, milliseconds); }) > 0;
}

bool has_children() {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD;
}

int in_fork(const std::function<int()>& body) {
  const pid_t pid = sys("fork", "", [] { return fork(); });
  if (pid == 0) {
    int code = 255;
    try {
      code = body();
    } catch (const std::exception& error) {
      note(error.what());
    }
    _exit(code);
  }
  int status = 0;
  sys("waitpid", "", [&] { return waitpid(pid, &status, 0); });
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

namespace {
std::string cgroup2() {
  std::istringstream lines(read_text("/proc/self/mounts"));
  for (std::string device, point, type, rest; lines >> device >> point >> type && std::getline(lines, rest);)
    if (type == "cgroup2") return point;
  skip("cgroup v2 is not mounted");
}
}  // namespace

TempCgroup::TempCgroup() : path_(cgroup2() + "/sock-core-test-" + std::to_string(getpid())) {
  need_root();
  // The number was another's before, who has crashed.
  if (access(path_.c_str(), F_OK) == 0) destroy_cgroup(path_, 10'000);
  if (mkdir(path_.c_str(), 0755) != 0) skip("cannot make a cgroup in " + path_ + ": " + strerror(errno));
  if (access((path_ + "/cgroup.kill").c_str(), F_OK) != 0) skip("no cgroup.kill (Linux 5.14)");
}
TempCgroup::~TempCgroup() {
  try {
    destroy_cgroup(path_, 10'000);
  } catch (const SysError&) {
    // the test has removed it
  }
}

void send_with(int socket, const std::string& bytes, const std::vector<int>& fds) {
  std::vector<char> control(CMSG_SPACE(sizeof(int) * fds.size()));
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    memcpy(CMSG_DATA(head), fds.data(), sizeof(int) * fds.size());
  }
  sys("sendmsg", "", [&] { return sendmsg(socket, &message, MSG_NOSIGNAL); });
}

std::string sibling(const std::string& name) {
  const std::string own = link_of(0, "exe");
  return own.substr(0, own.rfind('/') + 1) + name;
}

}  // namespace sock::test
