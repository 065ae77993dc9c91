// A zygote without an interpreter: the guest library's code and nothing else, no libc, a few pages of memory. It serves forks, and its
// leaves answer each request with the request's own body, which is at most a window. Forking it costs what a sandbox itself costs: the bench measures that, the core's
// tests (native/test) look at its leaves from outside.
//
// Freestanding and static; needs no file but itself in its root. Spawned like any zygote, with the fork socket as descriptor 3.
#include <sys/uio.h>
#include <time.h>

#include "../core/raw.h"
#include "../core/wire.h"
#include "../guest/guest.h"

namespace {

using sock::raw::at;
using sock::raw::call;
namespace wire = sock::wire;

constexpr int kChannel = 3;

[[noreturn]] void leave(int code) noexcept {
  for (;;) (void)call(__NR_exit_group, code);
}

uint64_t now() noexcept {
  timespec t{};
  (void)call(__NR_clock_gettime, CLOCK_MONOTONIC, at(&t));  // cannot fail
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

void write_all(const void* bytes, unsigned long size) noexcept {
  const auto* from = static_cast<const uint8_t*>(bytes);
  while (size > 0) {
    const long sent = call(__NR_write, kChannel, at(from), static_cast<long>(size));
    if (sent < 0) leave(0);  // the worker has hung up
    from += sent;
    size -= static_cast<unsigned long>(sent);
  }
}

// What has been read of the channel and not been used yet.
class Input {
 public:
  /// At least `size` bytes, <= kCapacity.
  const uint8_t* need(unsigned long size) noexcept {
    if (begin_ == end_) begin_ = end_ = 0;
    if (begin_ + size > kCapacity) move_to_front();
    while (end_ - begin_ < size) read();
    return bytes_ + begin_;
  }
  const uint8_t* take(unsigned long size) noexcept {
    const uint8_t* p = need(size);
    begin_ += size;
    return p;
  }
  /// What is there, at least 1 byte, at most `most`.
  unsigned long some(unsigned long most) noexcept {
    (void)need(1);
    return end_ - begin_ < most ? end_ - begin_ : most;
  }
  static constexpr unsigned long kCapacity = 4096;

 private:
  void read() noexcept {
    const long size = call(__NR_read, kChannel, at(bytes_ + end_), static_cast<long>(kCapacity - end_));
    if (size <= 0) leave(0);
    end_ += static_cast<unsigned long>(size);
  }
  void move_to_front() noexcept {
    for (unsigned long i = begin_; i < end_; i++) bytes_[i - begin_] = bytes_[i];
    end_ -= begin_;
    begin_ = 0;
  }
  uint8_t bytes_[kCapacity];
  unsigned long begin_, end_;
};
Input input;  // all zero: no page of the program is used for it before a leaf reads

template <typename T>
T read_as() noexcept {
  T value;
  __builtin_memcpy(&value, input.take(sizeof value), sizeof value);
  return value;
}

wire::FrameHeader head(unsigned long length, wire::Type type, uint32_t request) noexcept {
  return {static_cast<uint32_t>(length), wire::kVersion, type, 0, request};
}

struct End {
  wire::FrameHeader header;
  wire::Timing timing;
} __attribute__((packed));

// A body that came whole goes back in one write.
void reply_whole(const End& end, unsigned long size) noexcept {
  iovec parts[2] = {{const_cast<End*>(&end), sizeof end}, {const_cast<uint8_t*>(input.take(size)), size}};
  const long sent = call(__NR_writev, kChannel, at(parts), 2);
  if (sent < 0) leave(0);
  const auto done = static_cast<unsigned long>(sent);
  if (done < sizeof end) write_all(reinterpret_cast<const uint8_t*>(&end) + done, sizeof end - done);
  const unsigned long of_body = done > sizeof end ? done - sizeof end : 0;
  write_all(static_cast<const uint8_t*>(parts[1].iov_base) + of_body, size - of_body);
}

void pass_on(unsigned long size, uint32_t request) noexcept {
  const auto body = head(size, wire::Type::kBody, request);
  write_all(&body, sizeof body);
  while (size > 0) {
    const unsigned long part = input.some(size);
    write_all(input.take(part), part);
    size -= part;
  }
}

void skip(unsigned long size) noexcept {
  for (unsigned long part = 0; size > 0; size -= part) (void)input.take(part = input.some(size));
}

// Windows need not be kept: neither body is longer than one. A cancelled request is echoed as any other.
[[noreturn]] void serve(uint64_t born, uint64_t sealed) noexcept {
  uint64_t received = 0;
  for (;;) {
    const auto frame = read_as<wire::FrameHeader>();
    unsigned long left = frame.length;
    if (frame.type == wire::Type::kRequest) {
      received = now();
      const auto head_size = read_as<uint16_t>();
      skip(head_size);
      left -= sizeof head_size + head_size;
    } else if (frame.type != wire::Type::kBody) {
      skip(left);
      continue;
    }
    const bool last = (frame.flags & wire::kLast) != 0;
    const bool whole = last && left <= Input::kCapacity;
    if (!whole && left > 0) {
      pass_on(left, frame.request);
      left = 0;
    }
    if (!last) continue;
    if (whole) (void)input.need(left);
    const uint64_t handled = now();
    reply_whole({head(sizeof(wire::Timing) + left, wire::Type::kEnd, frame.request), {born, sealed, received, received, handled}}, left);
    born = sealed = 0;
  }
}

}  // namespace

extern "C" [[noreturn]] void bare_zygote() noexcept {
  // Where a libc would keep its thread's id: the guest finds it by PR_GET_TID_ADDRESS, and never looks for a thread's control block, which
  // there is none of.
  static int32_t thread_id;
  thread_id = static_cast<int32_t>(call(__NR_set_tid_address, at(&thread_id)));
  const GuestHooks none = {nullptr, nullptr, nullptr};
  const int role = guest_serve(&none);
  if (role < 0) leave(role == -108 /* ESHUTDOWN */ ? 0 : 1);
  if (role == kGuestStandby) {
    const auto ready = head(0, wire::Type::kReady, 0);
    write_all(&ready, sizeof ready);
    serve(0, 0);
  }
  serve(guest_born(), guest_sealed());
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall bare_zygote\n\thlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tbl bare_zygote\n\tbrk 0\n");
#endif
