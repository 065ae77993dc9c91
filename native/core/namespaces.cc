#include "namespaces.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <string>

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
  return made_by({.flags = 0, .walk = [](void* p) { sock_walk_network(static_cast<MakePlan*>(p)); }}, user, "network namespace");
}

OwnFd empty_proc() {
  return made_by({.flags = CLONE_NEWPID, .walk = [](void* p) { sock_walk_proc(static_cast<MakePlan*>(p)); }}, -1, "/proc");
}

bool network_unused(int network) {
  const Inside inside(network);
  const OwnFd route(sys("socket", "NETLINK_ROUTE", [] { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }));
  struct {
    nlmsghdr head;
    ifinfomsg link;
  } ask{{sizeof ask, RTM_GETLINK, NLM_F_REQUEST, 1, 0}, {AF_UNSPEC, 0, 0, 1 /* lo */, 0, 0}};
  sys("send", "RTM_GETLINK", [&] { return send(route.get(), &ask, sizeof ask, 0); });
  alignas(nlmsghdr) char answer[8192];
  const ssize_t size = sys("recv", "RTM_GETLINK", [&] { return recv(route.get(), answer, sizeof answer, 0); });
  const auto* head = reinterpret_cast<const nlmsghdr*>(answer);
  if (size < static_cast<ssize_t>(sizeof *head) || head->nlmsg_type != RTM_NEWLINK) return false;
  int left = static_cast<int>(head->nlmsg_len - NLMSG_LENGTH(sizeof(ifinfomsg)));
  for (auto* a = IFLA_RTA(NLMSG_DATA(head)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type != IFLA_STATS64) continue;
    rtnl_link_stats64 stats{};
    memcpy(&stats, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof stats ? RTA_PAYLOAD(a) : sizeof stats);
    return stats.tx_packets == 0 && stats.rx_packets == 0;
  }
  return false;
}

}  // namespace sock
