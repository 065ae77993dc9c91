#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "result.h"

namespace sock::program {
namespace {

using raw::at;
using raw::call;

// What the kernel takes as one argument, without its NUL (MAX_ARG_STRLEN).
constexpr unsigned long kMostArgument = (128 << 10) - 1;
constexpr int kStdout = 1, kStderr = 2;

uint16_t head_size(const Frame& request) noexcept {
  uint16_t size;
  if (request.header.length < sizeof size) leave(1);
  __builtin_memcpy(&size, request.payload, sizeof size);
  if (request.header.length < sizeof size + size) leave(1);
  return size;
}

bool has_nul(const uint8_t* bytes, unsigned long size) noexcept {
  for (unsigned long i = 0; i < size; i++)
    if (bytes[i] == 0) return true;
  return false;
}

// To the log. A reader that is gone, or a full disk behind it, is none of the lambda's business.
void log(int stream, const void* bytes, unsigned long size) noexcept {
  const auto* from = static_cast<const uint8_t*>(bytes);
  while (size > 0) {
    const long written = call(__NR_write, stream, at(from), static_cast<long>(size));
    if (written == -EINTR) continue;
    if (written <= 0) return;
    from += written;
    size -= static_cast<unsigned long>(written);
  }
}

[[noreturn]] void give_out(const char* why) noexcept {
  unsigned long size = 0;
  while (why[size]) size++;
  log(kStderr, why, size);
  leave(1);
}

unsigned long smaller(unsigned long a, unsigned long b) noexcept { return a < b ? a : b; }

}  // namespace

Call::Call(Ground& ground, const Frame& request, uint64_t born, uint64_t sealed) noexcept
    : ground_(ground),
      number_(request.header.request),
      load_only_((request.header.flags & wire::kLoadOnly) != 0),
      reply_(request.header.request, {born, sealed, now(), 0, 0}),
      last_((request.header.flags & wire::kLast) != 0) {
  const auto* head = reinterpret_cast<const char*>(request.payload) + sizeof(uint16_t);
  const unsigned long size = head_size(request);
  variables_ = ground.environment.of_request({head, head + size});
  append_body(request.payload + sizeof(uint16_t) + size, request.header.length - sizeof(uint16_t) - size);
}

void Call::run() noexcept {
  if (load_only_) return load_only();
  if (gather_body() && start() && serve()) finish();
}

void Call::load_only() noexcept {
  struct stat file = {};
  long error = call(__NR_newfstatat, AT_FDCWD, at(ground_.program), at(&file), 0);
  if (error == 0) error = S_ISREG(file.st_mode) ? call(__NR_faccessat, AT_FDCWD, at(ground_.program), 1 /* X_OK */) : -EISDIR;
  reply_.timing().loaded = now();
  if (error < 0) return cannot("execute ", ground_.program, error);
  reply_.timing().handled = reply_.timing().loaded;
  reply_.end();
}

// As much as argv[1] could hold, or all of it: only then is it known what the program is started with. False when nobody waits any more.
bool Call::gather_body() noexcept {
  take_frames();  // what came with the request
  while (!last_ && count_ <= kMostArgument && !cancelled_) {
    ground_.channel.read();
    take_frames();
  }
  if (cancelled_) reply_.end();
  return !cancelled_;
}

bool Call::start() noexcept {
  long error = remove_result(ground_.result);
  if (error < 0) {
    cannot("remove what the run before has left as ", ground_.result, error);
    leave(0);  // it will not be better the next time
  }
  const bool fits = last_ && count_ <= kMostArgument && !has_nul(ground_.body, count_);
  ground_.body[count_] = 0;
  char* argv[] = {const_cast<char*>(ground_.program), fits ? reinterpret_cast<char*>(ground_.body) : nullptr, nullptr};
  error = variables_ ? process_.start(ground_.program, argv, variables_) : -E2BIG;
  reply_.timing().loaded = now();
  if (error < 0) cannot("execute ", ground_.program, error);
  return error == 0;
}

// Passes everything on until the program has ended and all that it has written is taken. False when nobody waits any more.
bool Call::serve() noexcept {
  while (!ended_ || process_.out() >= 0 || process_.err() >= 0) {
    if (last_ && count_ == 0) process_.close_in();
    const bool takes = room() > 0;
    pollfd p[] = {{kChannel, POLLIN, 0},
                  {ended_ ? -1 : ground_.watch, POLLIN, 0},
                  {count_ > 0 ? process_.in() : -1, POLLOUT, 0},
                  {takes ? process_.out() : -1, POLLIN, 0},
                  {process_.err(), POLLIN, 0}};
    // Once all who could write have ended, a pipe has what it has, also when a copy of its other end lies in a socket that nobody reads.
    const timespec at_once = {};
    (void)call(__NR_ppoll, at(p), 5, ended_ && takes ? at(&at_once) : 0, 0, 0);  // an interrupted one has set nothing
    if (p[0].revents) {
      ground_.channel.read();
      take_frames();
      if (cancelled_) return give_up(), false;
    }
    if (p[2].revents) feed();
    if (p[3].revents)
      drain_output();
    else if (ended_ && takes)
      process_.close_out();
    if (p[4].revents)
      drain_errors();
    else if (ended_)
      process_.close_err();
    if (p[1].revents && process_.reap(ground_.watch)) end_all();
  }
  return true;
}

void Call::end_all() noexcept {
  process_.end();
  process_.close_in();
  ended_ = true;
}

void Call::give_up() noexcept {
  end_all();
  process_.close_out(), process_.close_err();
  reply_.end();
}

// The result is the file, if the program has written one, unless its standard output has begun to go out: then that is it. Programs that
// print beside writing the file print little; who prints more than a window means it.
void Call::finish() noexcept {
  reply_.timing().handled = now();
  const int status = process_.status();
  if (reply_.begun()) return status == 0 ? reply_.end() : reply_.broken();
  const int file = status == 0 ? open_result(ground_.result) : -1;
  if (status != 0 || file >= 0) log(kStdout, ground_.output, held_);
  if (file >= 0) return send_file(file);
  if (status == 0) return reply_.whole(ground_.output, held_);
  Message message;  // in OpenLambda's words
  message.put(WIFSIGNALED(status) ? "Function failed with signal: " : "Function failed with error_code: ");
  message.put_number(static_cast<uint64_t>(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
  raised(message);
}

void Call::send_file(int fd) noexcept {
  for (bool more = true; more && !cancelled_;) {
    unsigned long size = 0;
    const unsigned long most = smaller(sizeof ground_.output, reply_.credit());
    while (size < most) {
      const long got = call(__NR_read, fd, at(ground_.output + size), static_cast<long>(most - size));
      if (got == -EINTR) continue;
      more = got > 0;
      if (!more) break;
      size += static_cast<unsigned long>(got);
    }
    if (!reply_.begun() && !more) {
      (void)call(__NR_close, fd);
      return reply_.whole(ground_.output, size);
    }
    if (!reply_.begun())
      reply_.begin(ground_.output, size);
    else if (size > 0)
      reply_.more(ground_.output, size);
    while (more && reply_.credit() == 0 && !cancelled_) {
      ground_.channel.read();
      take_frames();
    }
  }
  (void)call(__NR_close, fd);
  reply_.end();
}

// Frames of requests that are over may still come.
void Call::take_frames() noexcept {
  while (const Frame* frame = ground_.channel.next()) {
    const auto& [length, version, type, flags, request] = frame->header;
    if (type == wire::Type::kRequest) give_out("native_leaf: a second request while one is under way, which the worker must not send\n");
    if (request != number_) continue;
    if (type == wire::Type::kCancel) cancelled_ = true;
    if (type == wire::Type::kBody) {
      append_body(frame->payload, length);
      last_ = (flags & wire::kLast) != 0;
    }
    if (type == wire::Type::kWindow && length == sizeof(uint32_t)) {
      uint32_t bytes;
      __builtin_memcpy(&bytes, frame->payload, sizeof bytes);
      reply_.more_credit(bytes);
    }
  }
}

void Call::append_body(const uint8_t* bytes, unsigned long size) noexcept {
  if (size > wire::kWindow - count_) give_out("native_leaf: more of a body than was asked for\n");
  const unsigned long end = (first_ + count_) % wire::kWindow, straight = smaller(size, wire::kWindow - end);
  __builtin_memcpy(ground_.body + end, bytes, straight);
  __builtin_memcpy(ground_.body, bytes + straight, size - straight);
  count_ += size;
}

// A program that does not read its standard input, or has closed it, has used it up.
void Call::feed() noexcept {
  const unsigned long straight = smaller(count_, wire::kWindow - first_);
  long taken = call(__NR_write, process_.in(), at(ground_.body + first_), static_cast<long>(straight));
  if (taken == -EAGAIN || taken == -EINTR) return;
  if (taken < 0) taken = static_cast<long>(straight);
  first_ = (first_ + static_cast<unsigned long>(taken)) % wire::kWindow;
  count_ -= static_cast<unsigned long>(taken);
  used_ += static_cast<unsigned long>(taken);
  if (last_ || used_ < wire::kWindow / 2) return;
  const auto bytes = static_cast<uint32_t>(used_);
  const auto window = header(sizeof bytes, wire::Type::kWindow, number_);
  iovec parts[] = {part(window), part(bytes)};
  write_channel(parts, 2);
  used_ = 0;
}

void Call::drain_output() noexcept {
  const unsigned long from = reply_.begun() ? 0 : held_;
  const long size =
      call(__NR_read, process_.out(), at(ground_.output + from), static_cast<long>(smaller(room(), sizeof ground_.output - from)));
  if (size == -EAGAIN || size == -EINTR) return;
  if (size <= 0) return process_.close_out();
  if (reply_.begun()) return reply_.more(ground_.output, static_cast<unsigned long>(size));
  held_ += static_cast<unsigned long>(size);
  if (held_ == sizeof ground_.output || ground_.environment.streams()) reply_.begin(ground_.output, held_);
}

void Call::drain_errors() noexcept {
  char bytes[sizeof ground_.errors];
  const long got = call(__NR_read, process_.err(), at(bytes), sizeof bytes);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0) return process_.close_err();
  const auto size = static_cast<unsigned long>(got);
  log(kStderr, bytes, size);
  const unsigned long kept = smaller(errors_, sizeof ground_.errors - size);
  __builtin_memcpy(ground_.errors, ground_.errors + errors_ - kept, kept);  // to the front: copied upwards
  __builtin_memcpy(ground_.errors + kept, bytes, size);
  errors_ = kept + size;
}

void Call::cannot(const char* what, const char* subject, long error) noexcept {
  Message message;
  message.put(what);
  message.put(subject);
  message.put(": ");
  message.put_reason(error);
  raised(message);
}

void Call::raised(const Message& message) noexcept {
  unsigned long cut = 0;  // not in the middle of a character
  while (errors_ == sizeof ground_.errors && cut < 3 && (ground_.errors[cut] & 0xc0) == 0x80) cut++;
  reply_.timing().handled = now();
  reply_.raised(message.text(), message.size(), ground_.errors + cut, errors_ - cut);
}

}  // namespace sock::program
