#include "attacher.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "mounts.h"
#include "sys.h"

namespace sock {
namespace {

// Runs nothing of the leaf's and follows none of its links.
void attach(int pidfd, int tree) {
  sys("setns", "mount namespace of a leaf", [&] { return setns(pidfd, CLONE_NEWNS); });
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const OwnFd target(static_cast<int>(sys("openat2", "/handler", [&] { return syscall(SYS_openat2, AT_FDCWD, "/handler", &how, sizeof how); })));
  sys("move_mount", "/handler", [&] { return syscall(SYS_move_mount, tree, "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH); });
}

size_t send_now(int channel, const std::vector<uint8_t>& bytes) {
  const ssize_t sent = send(channel, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent > 0 ? static_cast<size_t>(sent) : 0;  // a failure shows when the rest is sent
}

}  // namespace

Attacher::Attacher() {
  sigset_t all, before;  // the process's signals are the main thread's
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Attacher::~Attacher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Attacher::submit(AttachJob job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void Attacher::run() {
  if (unshare(CLONE_FS) != 0) return;  // cannot fail (unshare(2))
  const OwnFd home(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
  for (;;) {
    AttachJob job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    int error = 0;
    size_t sent = 0;
    try {
      const OwnFd tree = bind_directory(job.code);
      attach(job.pidfd->get(), tree.get());
      sent = send_now(job.channel->get(), job.first);
    } catch (const SysError& failure) {
      error = failure.error;
    }
    job.done(error, sent);
    (void)setns(home.get(), CLONE_NEWNS);  // leaving the namespace of a leaf that has died tears it down (75 us), hence after the answer
  }
}

}  // namespace sock
