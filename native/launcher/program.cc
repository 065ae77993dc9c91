#include "program.h"

#include <errno.h>
#include <time.h>

namespace sock::program {

using raw::at;
using raw::call;

void leave(int code) noexcept {
  for (;;) (void)call(__NR_exit_group, code);
}

uint64_t now() noexcept {
  timespec t{};
  (void)call(__NR_clock_gettime, CLOCK_MONOTONIC, at(&t));  // cannot fail
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

void write_channel(const void* bytes, unsigned long size) noexcept {
  const auto* from = static_cast<const uint8_t*>(bytes);
  while (size > 0) {
    const long sent = call(__NR_sendto, kChannel, at(from), static_cast<long>(size), 0x4000 /* MSG_NOSIGNAL */, 0, 0);
    if (sent == -EINTR) continue;
    if (sent < 0) leave(0);
    from += sent;
    size -= static_cast<unsigned long>(sent);
  }
}

}  // namespace sock::program

// The stack of a new program: the number of arguments, the arguments, null, the environment, null.
extern "C" [[noreturn]] void sock_program(char** stack) noexcept {
  char** argv = stack + 1;
  sock::program::run(argv, argv + *reinterpret_cast<long*>(stack) + 1);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall sock_program\n\thlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl sock_program\n\tbrk 0\n");
#endif
