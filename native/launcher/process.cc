#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "program.h"

namespace sock::program {
namespace {

using raw::at;
using raw::call;

constexpr uint64_t bit(int signal) noexcept { return 1ull << (signal - 1); }

struct Plan {
  const char* path;
  char** argv;
  char** environment;
  int fds[3];
  long error;
};

// In the child, which shares the memory of its parent until it executes the program.
void become(void* plan) noexcept {
  auto* p = static_cast<Plan*>(plan);
  const uint64_t none = 0;
  long error = call(__NR_setpgid, 0, 0);
  for (int i = 0; i < 3 && error >= 0; i++) error = call(__NR_dup3, p->fds[i], i, 0);
  if (error >= 0) error = call(__NR_rt_sigprocmask, SIG_SETMASK, at(&none), 0, sizeof none);
  if (error >= 0) error = call(__NR_execve, at(p->path), at(p->argv), at(p->environment));
  p->error = error;
  leave(127);
}

// A clone that costs no copy of this process's memory: the parent stands still until the child has executed its program or ended. (Not
// clone3, whose flags a seccomp filter cannot see, and which the sandbox's refuses.)
long clone_into(Plan* plan) noexcept {
  alignas(16) static char stack[4096];
  constexpr long flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
#if defined(__x86_64__)
  long result;
  register void* function __asm__("r12") = reinterpret_cast<void*>(become);
  register void* argument __asm__("r13") = plan;
  __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tmov %%r13, %%rdi\n\tcall *%%r12\n\thlt\n1:"
                   : "=a"(result)
                   : "a"(__NR_clone), "D"(flags), "S"(stack + sizeof stack), "d"(0), "r"(function), "r"(argument)
                   : "rcx", "r11", "r10", "r8", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = __NR_clone;
  register long x0 __asm__("x0") = flags;
  register void* x1 __asm__("x1") = stack + sizeof stack;
  register long x2 __asm__("x2") = 0;
  register long x3 __asm__("x3") = 0;
  register long x4 __asm__("x4") = 0;
  register void* function __asm__("x20") = reinterpret_cast<void*>(become);
  register void* argument __asm__("x21") = plan;
  __asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tmov x0, x21\n\tblr x20\n\tbrk 0\n1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(function), "r"(argument)
                   : "memory");
  return x0;
#endif
}

}  // namespace

int watch_children() noexcept {
  (void)call(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1);  // for tests: the first process of a process namespace is that anyway
  const uint64_t blocked = bit(SIGCHLD) | bit(SIGPIPE), watched = bit(SIGCHLD);
  (void)call(__NR_rt_sigprocmask, SIG_SETMASK, at(&blocked), 0, sizeof blocked);
  const long fd = call(__NR_signalfd4, -1, at(&watched), sizeof watched, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) leave(1);
  return static_cast<int>(fd);
}

long Process::start(const char* path, char** argv, char** environment) noexcept {
  int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
  long error = 0;
  for (auto& pipe : pipes)
    if (error >= 0) error = call(__NR_pipe2, at(pipe), O_CLOEXEC);
  Plan plan = {path, argv, environment, {pipes[0][0], pipes[1][1], pipes[2][1]}, 0};
  if (error >= 0) error = pid_ = clone_into(&plan);
  ended_ = error < 0;
  for (int& fd : plan.fds) close(fd);
  in_ = pipes[0][1];
  out_ = pipes[1][0];
  err_ = pipes[2][0];
  if (error >= 0 && plan.error < 0) {
    error = plan.error;
    end();
  }
  if (error < 0) {
    close_in(), close_out(), close_err();
    return error;
  }
  const int ours[] = {in_, out_, err_};
  for (const int fd : ours) (void)call(__NR_fcntl, fd, F_SETFL, O_NONBLOCK);  // of a pipe of ours: cannot fail
  return 0;
}

void Process::close(int& fd) noexcept {
  if (fd >= 0) (void)call(__NR_close, fd);
  fd = -1;
}

void Process::take(long pid, int status) noexcept {
  if (pid != pid_) return;  // left behind by the program
  status_ = status;
  ended_ = true;
}

bool Process::reap(int watch) noexcept {
  signalfd_siginfo info;
  (void)call(__NR_read, watch, at(&info), sizeof info);  // several ends may be told as one
  int status = 0;
  for (long pid; !ended_ && (pid = call(__NR_wait4, -1, at(&status), WNOHANG, 0)) > 0;) take(pid, status);
  return ended_;
}

// As the first process of a process namespace it reaches all others at once, none of which can fork meanwhile, and is their parent in the
// end. Elsewhere (in tests) the program's group has to do.
void Process::end() noexcept {
  const bool first = call(__NR_getpid) == 1;
  if (first || pid_ > 0) (void)call(__NR_kill, first ? -1 : -pid_, SIGKILL);
  int status = 0;
  for (long pid; (pid = call(__NR_wait4, -1, at(&status), __WALL, 0)) > 0 || pid == -EINTR;) take(pid, status);
}

}  // namespace sock::program
