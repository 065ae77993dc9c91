#include "attacher.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/syscall.h>

#include <exception>

#include "mounts.h"
#include "sys.h"

namespace sock {
namespace {

int open_directory(const char* path) {
  return sys("open", path, [&] { return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); });
}

// Entering a mount namespace changes root and working directory; they come back with it. A thread that cannot go home must not go on.
class Away {
 public:
  Away(int pidfd, int home, int root) : home_(home), root_(root), working_(open_directory(".")) {
    // A namespace is entered only by a task that shares root and working directory with no other; threads started since share them again.
    sys("unshare", "CLONE_FS", [] { return unshare(CLONE_FS); });
    sys("setns", "mount namespace of a leaf", [&] { return setns(pidfd, CLONE_NEWNS); });
  }
  Away(const Away&) = delete;
  Away& operator=(const Away&) = delete;
  ~Away() {
    if (setns(home_, CLONE_NEWNS) != 0 || fchdir(root_) != 0 || chroot(".") != 0 || fchdir(working_.get()) != 0) std::terminate();
  }

 private:
  int home_, root_;
  OwnFd working_;
};

}  // namespace

Attacher::Attacher()
    : namespace_(sys("open", "/proc/thread-self/ns/mnt", [] { return open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC); })),
      root_(open_directory("/")) {}

void Attacher::attach(int pidfd, const std::string& code) {
  const OwnFd tree = bind_directory(code);
  const Away away(pidfd, namespace_.get(), root_.get());
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const OwnFd target(static_cast<int>(sys("openat2", "/handler", [&] { return syscall(SYS_openat2, AT_FDCWD, "/handler", &how, sizeof how); })));
  sys("move_mount", "/handler", [&] { return syscall(SYS_move_mount, tree.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH); });
}

}  // namespace sock
