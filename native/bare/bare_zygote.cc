// A zygote without an interpreter: the guest library's code and nothing else. It serves forks, and its leaves answer each request with the
// request's own body, which is at most a window. Forking it costs what a sandbox itself costs: the bench measures that, the core's tests
// (native/test) look at its leaves from outside.
#include <sys/uio.h>

#include "../launcher/program.h"
#include "../launcher/zygote.h"

namespace sock::program {
namespace {

using raw::at;
using raw::call;

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
  if (done < sizeof end) write_channel(reinterpret_cast<const uint8_t*>(&end) + done, sizeof end - done);
  const unsigned long of_body = done > sizeof end ? done - sizeof end : 0;
  write_channel(static_cast<const uint8_t*>(parts[1].iov_base) + of_body, size - of_body);
}

void pass_on(unsigned long size, uint32_t request) noexcept {
  const auto body = header(size, wire::Type::kBody, request);
  write_channel(&body, sizeof body);
  while (size > 0) {
    const unsigned long part = input.some(size);
    write_channel(input.take(part), part);
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
    reply_whole({header(sizeof(wire::Timing) + left, wire::Type::kEnd, frame.request), {born, sealed, received, received, handled}}, left);
    born = sealed = 0;
  }
}

}  // namespace

void run(char**, char**) noexcept {
  if (serve_forks() == kGuestForked) serve(guest_born(), guest_sealed());
  const auto ready = header(0, wire::Type::kReady);
  write_channel(&ready, sizeof ready);
  serve(0, 0);
}

}  // namespace sock::program
