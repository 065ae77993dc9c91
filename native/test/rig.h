// What the tests look at and stand on: files, descriptors, processes, directories that go away by themselves.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "../core/fd.h"

namespace sock::test {

std::string read_text(const std::string& path);
/// Throws SysError.
void write_text(const std::string& path, const std::string& text);
OwnFd open_at(int directory, const std::string& path, int flags, mode_t mode = 0);

/// A directory that is removed with what is in it.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  const std::string& path() const { return path_; }
  /// Makes a directory in it (0755); its whole path.
  std::string make(const std::string& name) const;

 private:
  std::string path_;
};

/// The descriptors of a process, in order: `N -> what`.
std::vector<std::string> descriptors(const std::string& pid = "self");
/// A line of /proc/<pid>/status without its name and leading blanks.
std::string status_of(pid_t pid, const std::string& field);
/// What a link of /proc names, e.g. `net:[4026531840]` for ns/net.
std::string link_of(pid_t pid, const std::string& link);
/// The process of a pidfd, 0 when it is gone.
pid_t pid_of(int pidfd);
/// True when the descriptor has become readable within the time.
bool readable(int fd, int milliseconds);
/// True when this process has a child, running or not reaped.
bool has_children();

/// Runs `body` in a forked child and waits; what the body returns is the child's exit code. A signal gives 128 + its number.
int in_fork(const std::function<int()>& body);

/// A cgroup v2 directory that is emptied and removed. Skips the test where there is none, or none that this process may write to.
class TempCgroup {
 public:
  TempCgroup();
  TempCgroup(const TempCgroup&) = delete;
  TempCgroup& operator=(const TempCgroup&) = delete;
  ~TempCgroup();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// One message with descriptors.
void send_with(int socket, const std::string& bytes, const std::vector<int>& fds);

/// A program that was built beside this one.
std::string sibling(const std::string& name);

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace sock::test
