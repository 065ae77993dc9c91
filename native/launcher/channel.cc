#include "channel.h"

#include <errno.h>
#include <sys/socket.h>

namespace sock::program {

using raw::at;
using raw::call;

const Frame* Channel::next() noexcept {
  wire::FrameHeader& head = frame_.header;
  if (end_ - begin_ < sizeof head) return nullptr;
  __builtin_memcpy(&head, bytes_ + begin_, sizeof head);
  if (head.version != wire::kVersion || head.length > wire::kMaxPayload) leave(1);  // another version of the worker
  if (end_ - begin_ < sizeof head + head.length) return nullptr;
  frame_.payload = bytes_ + begin_ + sizeof head;
  begin_ += sizeof head + head.length;
  return &frame_;
}

void Channel::read() noexcept {
  if (begin_ == end_) begin_ = end_ = 0;
  if (kCapacity - end_ < kRead) {
    __builtin_memcpy(bytes_, bytes_ + begin_, end_ - begin_);  // to the front: copied upwards, so they may overlap
    end_ -= begin_;
    begin_ = 0;
  }
  long size;
  do size = call(__NR_read, kChannel, at(bytes_ + end_), kRead);
  while (size == -EINTR);
  if (size <= 0) leave(0);
  end_ += static_cast<unsigned long>(size);
}

const Frame* Channel::wait() noexcept {
  for (;;) {
    if (const Frame* frame = next()) return frame;
    read();
  }
}

void write_channel(iovec* parts, unsigned count) noexcept {
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  long sent;
  do sent = call(__NR_sendmsg, kChannel, at(&message), MSG_NOSIGNAL);
  while (sent == -EINTR);
  if (sent < 0) leave(0);
  auto done = static_cast<unsigned long>(sent);
  for (iovec* p = parts; p < parts + count; p++) {
    const unsigned long of_this = done < p->iov_len ? done : p->iov_len;
    write_channel(static_cast<const uint8_t*>(p->iov_base) + of_this, p->iov_len - of_this);
    done -= of_this;
  }
}

}  // namespace sock::program
