#include "namespaces.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "clone.h"
#include "plan.h"
#include "sys.h"
#include "words.h"

namespace sock {
namespace {

void write_file(const std::string& path, const std::string& text) {
  const OwnFd file(sys("open", path, [&] { return open(path.c_str(), O_WRONLY | O_CLOEXEC); }));
  sys("write", path, [&] { return write(file.get(), text.data(), text.size()); });
}

// Ends a waiting child however the scope is left.
class Waiting {
 public:
  explicit Waiting(Child child) : child_(std::move(child)) {}
  ~Waiting() {
    (void)syscall(SYS_pidfd_send_signal, child_.pidfd.get(), SIGKILL, nullptr, 0);
    siginfo_t info;
    (void)waitid(P_PIDFD, static_cast<id_t>(child_.pidfd.get()), &info, WEXITED | __WALL);
  }
  std::string proc(const char* file) const { return "/proc/" + std::to_string(child_.pid) + "/" + file; }

 private:
  Child child_;
};

// Steps into a network namespace; steps home at the end of the scope.
class Inside {
 public:
  explicit Inside(int network) : home_(sys("open", "/proc/thread-self/ns/net", [] { return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); })) {
    sys("setns", "network", [&] { return setns(network, CLONE_NEWNET); });
  }
  ~Inside() { (void)setns(home_.get(), CLONE_NEWNET); }  // the thread came from there

 private:
  OwnFd home_;
};

// A file of /proc/net; "" where this kernel has none (no IPv6).
std::string read_net(const char* name) {
  const std::string path = std::string("/proc/thread-self/net/") + name;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return "";
  const OwnFd file(static_cast<int>(sys("open", path, [&] { return fd; })));
  std::string text;
  char part[4096];
  while (const auto size = sys("read", path, [&] { return read(file.get(), part, sizeof part); })) text.append(part, static_cast<size_t>(size));
  return text;
}

// Whether all counters are, among which some settings stand. Either a line of names before one of values, or a name and a value a line.
bool all_zero(const std::string& text) {
  static constexpr std::string_view kSettings[] = {"Forwarding", "DefaultTTL", "RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn"};
  std::istringstream lines(text);
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    for (size_t i = 1; i < fields.size(); i++) {
      const bool counts = fields[i].find_first_not_of("-0123456789") == std::string::npos && fields[i] != "0";
      if (counts && (i >= names.size() || std::ranges::find(kSettings, names[i]) == std::end(kSettings))) return false;
    }
    names = fields;
  }
  return true;
}

OwnFd made_by(CloneOptions child, int user, const char* what) {
  MakePlan plan{.user = user, .result = -1, .failure = {}};
  child.flags |= CLONE_VFORK | CLONE_FILES;
  child.plan = &plan;
  (void)reap(clone_sharing(child).pidfd.get());
  OwnFd made(plan.result);
  if (plan.failure.error != 0) throw SysError(plan.failure.error, describe(plan.failure), what);
  return made;
}

}  // namespace

OwnFd user_namespace(const std::vector<IdRange>& ids) {
  const Waiting child(clone_sharing({.flags = CLONE_NEWUSER, .walk = sock_walk_wait, .plan = nullptr}));
  std::string map;
  for (const auto& r : ids) map += std::to_string(r.inside) + " " + std::to_string(r.outside) + " " + std::to_string(r.count) + "\n";
  write_file(child.proc("uid_map"), map);
  write_file(child.proc("gid_map"), map);
  const std::string path = child.proc("ns/user");
  return OwnFd(sys("open", path, [&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
}

OwnFd network_namespace(int user) {
  return made_by({.flags = 0, .walk = sock_walk_network}, user, "network namespace");
}

OwnFd empty_proc() {
  return made_by({.flags = CLONE_NEWPID, .walk = sock_walk_proc}, -1, "/proc");
}

bool network_unused(int network) {
  const Inside inside(network);
  const std::string labels = read_net("ip6_flowlabel");
  return all_zero(read_net("snmp")) && all_zero(read_net("netstat")) && all_zero(read_net("snmp6")) && std::count(labels.begin(), labels.end(), '\n') <= 1;
}

}  // namespace sock
