// User and network namespaces that are there before anything runs in them.
#include "../core/namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "harness.h"
#include "rig.h"

namespace {

using namespace sock;
using namespace sock::test;

constexpr uint32_t kOutside = 1'700'000'000;
OwnFd some_user() { return user_namespace({{0, kOutside, 1}, {1000, kOutside + 1, 64}}); }

std::pair<dev_t, ino_t> identity(int fd) {
  struct stat s {};
  sys("fstat", "", [&] { return fstat(fd, &s); });
  return {s.st_dev, s.st_ino};
}

int enter(int space, int kind) { return setns(space, kind); }

// Who the kernel says owns a file that this id makes.
uid_t owner_of_a_file_made_by(int user, uid_t inside, const std::string& path) {
  const int code = in_fork([&] {
    if (enter(user, CLONE_NEWUSER) != 0) return 1;
    if (syscall(SYS_setgroups, 0, nullptr) != 0) return 2;
    if (syscall(SYS_setresgid, inside, inside, inside) != 0) return 3;
    if (syscall(SYS_setresuid, inside, inside, inside) != 0) return 4;
    (void)open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return 0;
  });
  if (code != 0) return static_cast<uid_t>(-code);
  struct stat s {};
  sys("stat", path, [&] { return stat(path.c_str(), &s); });
  expect_equal(s.st_gid, s.st_uid, "group");
  return s.st_uid;
}

TEST("user namespace: the ids inside are those outside that were given, and no others") {
  need_root();
  const OwnFd user = some_user();
  const TempDir directory;
  sys("chmod", "", [&] { return chmod(directory.path().c_str(), 01777); });
  const auto made_by = [&](uid_t inside) {
    return owner_of_a_file_made_by(user.get(), inside, directory.path() + "/" + std::to_string(inside));
  };
  expect_equal(made_by(0), uid_t{kOutside}, "root inside");
  expect_equal(made_by(1000), uid_t{kOutside + 1}, "the first");
  expect_equal(made_by(1063), uid_t{kOutside + 64}, "the last");
  for (const uid_t unmapped : {1u, 999u, 1064u, kOutside})
    expect_equal(made_by(unmapped), static_cast<uid_t>(-3), "id " + std::to_string(unmapped));
}

TEST("user namespace: it belongs to this one, and root inside has no power outside") {
  need_root();
  const OwnFd user = some_user();
  const OwnFd parent(sys("ioctl", "NS_GET_PARENT", [&] { return ioctl(user.get(), NS_GET_PARENT); }));
  expect(identity(parent.get()) == identity(open_at(AT_FDCWD, "/proc/self/ns/user", O_RDONLY).get()), "its parent");
  expect_equal(in_fork([&] {
                 if (enter(user.get(), CLONE_NEWUSER) != 0) return 1;
                 if (sethostname("mine", 4) == 0) return 2;  // a namespace of the host
                 return errno == EPERM ? 0 : 3;
               }),
               0, "power outside");
}

TEST("user namespace: a map that the kernel refuses is an error, and leaves nothing behind") {
  need_root();
  const auto before = descriptors();
  for (const auto& bad : std::vector<std::vector<IdRange>>{{{0, kOutside, 2}, {1, kOutside + 5, 1}}, {{0, kOutside, 0}}, {}}) {
    const auto error = expect_throw("the map", [&] { (void)user_namespace(bad); });
    expect(contains(error.what(), "uid_map"), error.what());
  }
  expect(descriptors() == before, "descriptors are left");
  expect(!has_children(), "a child is left");
}

// ---- network ---------------------------------------------------------------------------------------------------------------------

struct Interface {
  std::string name;
  short flags;
};
std::vector<Interface> interfaces() {
  std::vector<Interface> out;
  const OwnFd socket_(sys("socket", "", [] { return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
  struct if_nameindex* all = if_nameindex();
  for (auto* i = all; i && i->if_index; i++) {
    ifreq ask{};
    strncpy(ask.ifr_name, i->if_name, IFNAMSIZ - 1);
    sys("ioctl", "SIOCGIFFLAGS", [&] { return ioctl(socket_.get(), SIOCGIFFLAGS, &ask); });
    out.push_back({i->if_name, ask.ifr_flags});
  }
  if_freenameindex(all);
  return out;
}

void send_datagram(int family) {
  const OwnFd to(sys("socket", "", [&] { return socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
  sockaddr_storage address{};
  address.ss_family = static_cast<sa_family_t>(family);
  socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (family == AF_INET)
    reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
  sys("bind", "", [&] { return bind(to.get(), reinterpret_cast<sockaddr*>(&address), size); });
  sys("getsockname", "", [&] { return getsockname(to.get(), reinterpret_cast<sockaddr*>(&address), &size); });
  sys("sendto", "", [&] { return sendto(to.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&address), size); });
}

TEST("network namespace: it has a loopback that is up, and nothing else") {
  need_root();
  const OwnFd user = some_user(), network = network_namespace(user.get());
  expect_equal(in_fork([&] {
                 if (enter(network.get(), CLONE_NEWNET) != 0) return 1;
                 const auto all = interfaces();
                 if (all.size() != 1 || all[0].name != "lo") return 2;
                 if ((all[0].flags & (IFF_UP | IFF_LOOPBACK)) != (IFF_UP | IFF_LOOPBACK)) return 3;
                 send_datagram(AF_INET);
                 const OwnFd out(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
                 sockaddr_in far{};
                 far.sin_family = AF_INET;
                 far.sin_port = htons(53);
                 far.sin_addr.s_addr = htonl(0x01010101);
                 if (connect(out.get(), reinterpret_cast<sockaddr*>(&far), sizeof far) == 0) return 4;
                 return errno == ENETUNREACH ? 0 : 5;
               }),
               0, "inside");
}

TEST("network namespace: it belongs to the user namespace, whose root may enter it") {
  need_root();
  const OwnFd user = some_user(), other = some_user(), network = network_namespace(user.get());
  const OwnFd owner(sys("ioctl", "NS_GET_USERNS", [&] { return ioctl(network.get(), NS_GET_USERNS); }));
  expect(identity(owner.get()) == identity(user.get()), "its owner");
  expect(identity(network.get()) != identity(open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY).get()), "it is the host's");
  const auto entered_from = [&](int space) {
    return in_fork([&] { return enter(space, CLONE_NEWUSER) != 0 ? 99 : enter(network.get(), CLONE_NEWNET) == 0 ? 0 : errno; });
  };
  expect_equal(entered_from(user.get()), 0, "from its own");
  expect_equal(entered_from(other.get()), EPERM, "from another");
}

TEST("network namespace: unused while no packet crossed its loopback, used from the first one on") {
  need_root();
  const OwnFd user = some_user();
  const std::string home = link_of(0, "ns/net");
  for (const int family : {AF_INET, AF_INET6}) {
    const OwnFd network = network_namespace(user.get());
    expect(network_unused(network.get()), "new");
    const auto inside = [&](const std::function<void()>& what) {
      return in_fork([&] { return enter(network.get(), CLONE_NEWNET) != 0 ? 1 : (what(), 0); });
    };
    expect_equal(inside([&] { (void)OwnFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); }), 0, "a socket");
    expect(network_unused(network.get()), "a socket alone is no use");
    if (inside([&] { send_datagram(family); }) != 0) {
      if (family == AF_INET6) continue;  // a kernel without IPv6
      fail("sending");
    }
    expect(!network_unused(network.get()), "a datagram was sent");
    expect(!network_unused(network.get()), "asked again");
  }
  expect_equal(link_of(0, "ns/net"), home, "this process's own network");
}

TEST("network namespace: a hundred of them leave no descriptor, child or mapping behind") {
  need_root();
  const OwnFd user = some_user();
  const auto before = descriptors();
  for (int i = 0; i < 100; i++) {
    const OwnFd network = network_namespace(user.get());
    expect(fcntl(network.get(), F_GETFD) & FD_CLOEXEC, "close-on-exec");
    expect_equal(descriptors().size(), before.size() + 1, "descriptors, one made");
  }
  expect(descriptors() == before, "descriptors are left");
  expect(!has_children(), "a child is left");
}

TEST("network namespace: what is no user namespace is refused with the step that failed") {
  need_root();
  const OwnFd null = open_at(AT_FDCWD, "/dev/null", O_RDONLY);
  const auto before = descriptors();
  const auto error = expect_throw("made", [&] { (void)network_namespace(null.get()); });
  expect_equal(error.error, EINVAL, "errno");
  expect(contains(error.what(), "enter the user namespace"), error.what());
  expect(expect_throw("asked", [&] { (void)network_unused(null.get()); }).error == EINVAL, "network_unused");
  expect(descriptors() == before && !has_children(), "something is left");
}

}  // namespace
