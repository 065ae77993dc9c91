#include "mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "sys.h"

namespace sock {
namespace {

constexpr unsigned long kPrivate = 1ul << 18;  // MS_PRIVATE

int open_tree(int at, const char* path, unsigned flags) { return static_cast<int>(syscall(SYS_open_tree, at, path, flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)); }

void restrict_tree(int tree, uint64_t attributes, unsigned flags, const std::string& subject) {
  mount_attr attr{};
  attr.attr_set = attributes;
  attr.propagation = kPrivate;
  sys("mount_setattr", subject, [&] { return syscall(SYS_mount_setattr, tree, "", flags | AT_EMPTY_PATH, &attr, sizeof attr); });
}

class Tmpfs {
 public:
  Tmpfs() : context_(static_cast<int>(sys("fsopen", "tmpfs", [] { return syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC); }))) {}
  Tmpfs& set(const char* key, const std::string& value) {
    sys("fsconfig", std::string("tmpfs ") + key + "=" + value, [&] { return syscall(SYS_fsconfig, context_.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0); });
    return *this;
  }
  OwnFd mount(unsigned attributes) {
    sys("fsconfig", "tmpfs", [&] { return syscall(SYS_fsconfig, context_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0); });
    return OwnFd(static_cast<int>(sys("fsmount", "tmpfs", [&] { return syscall(SYS_fsmount, context_.get(), FSMOUNT_CLOEXEC, attributes); })));
  }

 private:
  OwnFd context_;
};

// mkdir obeys the umask of the process, so the mode is set after.
void directory(int at, const char* name, mode_t mode, uint32_t owner) {
  sys("mkdir", name, [&] { return mkdirat(at, name, 0700); });
  if (owner != 0) sys("chown", name, [&] { return fchownat(at, name, owner, owner, AT_SYMLINK_NOFOLLOW); });
  if (mode != 0700) sys("chmod", name, [&] { return fchmodat(at, name, mode, 0); });
}

}  // namespace

OwnFd bind_tree(const std::string& path) {
  OwnFd tree(sys("open_tree", path, [&] { return open_tree(AT_FDCWD, path.c_str(), AT_RECURSIVE); }));
  restrict_tree(tree.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, AT_RECURSIVE, path);
  return tree;
}

OwnFd bind_directory(const std::string& path) {
  OwnFd tree(sys("open_tree", path, [&] { return open_tree(AT_FDCWD, path.c_str(), 0); }));
  restrict_tree(tree.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, path);
  return tree;
}

OwnFd devices() {
  OwnFd dev = Tmpfs().set("size", "64k").set("mode", "755").mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  const struct {
    const char* name;
    unsigned minor;
  } nodes[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
  for (const auto& n : nodes) {
    sys("mknod", n.name, [&] { return mknodat(dev.get(), n.name, S_IFCHR | 0600, makedev(1, n.minor)); });
    sys("chmod", n.name, [&] { return fchmodat(dev.get(), n.name, 0666, 0); });
  }
  const struct {
    const char *name, *target;
  } links[] = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}, {"shm", "/private/shm"}};
  for (const auto& l : links) sys("symlink", l.name, [&] { return symlinkat(l.target, dev.get(), l.name); });
  restrict_tree(dev.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, "devices");
  return dev;
}

OwnFd scratch(const ScratchOptions& options) {
  OwnFd fs = Tmpfs().set("size", std::to_string(options.bytes)).set("nr_inodes", std::to_string(options.inodes)).set("mode", "755").mount(
      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  directory(fs.get(), "tmp", 01777, 0);
  directory(fs.get(), "shm", 01777, 0);
  directory(fs.get(), "host", 0700, options.uid);
  return fs;
}

void resize_scratch(int scratch, const ScratchOptions& options) {
  const OwnFd context(static_cast<int>(sys("fspick", "scratch", [&] { return syscall(SYS_fspick, scratch, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH); })));
  const auto set = [&](const char* key, uint64_t value) {
    sys("fsconfig", key, [&] { return syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key, std::to_string(value).c_str(), 0); });
  };
  set("size", options.bytes);
  set("nr_inodes", options.inodes);
  sys("fsconfig", "scratch", [&] { return syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0); });
}

}  // namespace sock
