#include "clone.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sys.h"

namespace sock {
namespace {

constexpr size_t kStackBytes = 64 * 1024;

// The child never comes back through here: it has another stack, and calls `walk` on it.
__attribute__((noinline)) long clone_on(clone_args* args, void (*walk)(void*), void* plan) {
#if defined(__x86_64__)
  long result;
  register void (*function)(void*) __asm__("r12") = walk;
  register void* argument __asm__("r13") = plan;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), "r"(function), "r"(argument)
      : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = SYS_clone3;
  register long x0 __asm__("x0") = reinterpret_cast<long>(args);
  register long x1 __asm__("x1") = sizeof *args;
  register void (*x19)(void*) __asm__("x19") = walk;
  register void* x20 __asm__("x20") = plan;
  __asm__ volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x20\n\t"
      "blr x19\n\t"
      "brk 0\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x19), "r"(x20)
      : "memory");
  return x0;
#endif
}

}  // namespace

Child clone_sharing(const CloneOptions& options) {
  void* memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw SysError(errno, "mmap", "stack of a child");
  std::shared_ptr<void> stack(memory, [](void* p) { (void)munmap(p, kStackBytes); });
  int pidfd = -1;
  clone_args args{};
  args.flags = options.flags | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (options.cgroup >= 0 ? CLONE_INTO_CGROUP : 0);
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.stack = reinterpret_cast<uint64_t>(memory);
  args.stack_size = kStackBytes;
  args.cgroup = options.cgroup >= 0 ? static_cast<uint64_t>(options.cgroup) : 0;
  sigset_t all, before;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  const long pid = clone_on(&args, options.walk, options.plan);
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) throw SysError(static_cast<int>(-pid), "clone3", "");
  return {OwnFd(pidfd), static_cast<int>(pid), std::move(stack)};
}

Exit reap(int pidfd) {
  siginfo_t info{};
  sys("waitid", "", [&] { return waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | __WALL); });
  return info.si_code == CLD_EXITED ? Exit{info.si_status, 0} : Exit{-1, info.si_status};
}

}  // namespace sock
