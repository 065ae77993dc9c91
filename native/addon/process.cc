#include "process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../core/clone.h"
#include "../core/sys.h"
#include "../core/words.h"
#include "environment.h"

namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kMostOutgoing = 64 << 20;  // a guard only: JavaScript bounds what it writes

}  // namespace

Napi::Function Process::define(Napi::Env env) {
  return DefineClass(env, "Process",
                     {InstanceMethod("write", &Process::write), InstanceMethod("attach", &Process::attach), InstanceMethod("interrupt", &Process::interrupt), InstanceMethod("kill", &Process::kill)});
}

Process::Process(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Process>(info) {}

Process* Process::make(Napi::Env env, Napi::Object handlers, sock::LeafEnds ends, sock::OwnFd pidfd) {
  Environment& environment = Environment::of(env);
  Process* p = Unwrap(environment.process.New({}));
  p->Ref();
  p->on_frame_ = Napi::Persistent(handlers.Get("onFrame").As<Napi::Function>());
  p->on_output_ = Napi::Persistent(handlers.Get("onOutput").As<Napi::Function>());
  p->on_exit_ = Napi::Persistent(handlers.Get("onExit").As<Napi::Function>());
  p->channel_ = std::move(ends.channel);
  p->out_ = std::move(ends.out);
  p->err_ = std::move(ends.err);
  if (p->channel_.open()) p->watch_channel();
  if (p->out_.open()) p->out_poll_.start(environment.loop, p->out_.get(), UV_READABLE, [p](int) { (void)p->read_output(p->out_poll_, p->out_, 1); });
  if (p->err_.open()) p->err_poll_.start(environment.loop, p->err_.get(), UV_READABLE, [p](int) { (void)p->read_output(p->err_poll_, p->err_, 2); });
  if (pidfd.open()) p->born(std::move(pidfd));
  return p;
}

void Process::born(sock::OwnFd pidfd) {
  pidfd_ = std::move(pidfd);
  exit_poll_.start(Environment::of(Env()).loop, pidfd_.get(), UV_READABLE, [this](int) { on_exit(); });
  if (killed_) (void)syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  if (ready_early_ && !killed_) call_out(Env(), [this] { tell({sock::wire::Type::kReady, 0, 0, {}}, 0); });
}

void Process::unborn(const std::string& reason) {
  reason_ = reason;
  finish(-1, 0);
}

// ---- towards the process

Napi::Value Process::write(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Napi::Buffer<uint8_t>>();
  // What the last handler printed must be read before the next one prints. The event loop has done so, unless it is still in the turn in which
  // the last request ended.
  if (ended_at_ == iteration()) (void)read_both_outputs();
  send(bytes.Data(), bytes.Length());
  return Napi::Boolean::New(Env(), outgoing_.empty());
}

// Gives a waiting leaf its lambda: attach(codeDirectory) -> false when it has ended.
Napi::Value Process::attach(const Napi::CallbackInfo& info) {
  if (finished_ || killed_ || !pidfd_.open()) return Napi::Boolean::New(Env(), false);
  try {
    Environment::of(Env()).attacher.attach(pidfd_.get(), info[0].As<Napi::String>().Utf8Value());
  } catch (const sock::SysError& error) {
    if (error.error == ESRCH) return Napi::Boolean::New(Env(), false);  // its exit follows
    throw Napi::Error::New(Env(), error.what());
  }
  return Napi::Boolean::New(Env(), true);
}

uint64_t Process::iteration() const {
  uv_metrics_t metrics;
  (void)uv_metrics_info(Environment::of(Env()).loop, &metrics);
  return metrics.loop_count;
}

// Tells it that something was cancelled: the frames that say what, and the signal that interrupts whatever it is at.
void Process::interrupt(const Napi::CallbackInfo& info) {
  const auto frames = info[0].As<Napi::Buffer<uint8_t>>();
  send(frames.Data(), frames.Length());
  if (pidfd_.open() && !finished_) (void)syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGURG, nullptr, 0);  // ESRCH: it is ending already
}

// What it says from now on is of no interest; what it has said is read at its end.
void Process::kill(const Napi::CallbackInfo&) {
  end("killed by the worker");
  channel_poll_.stop();
  out_poll_.stop();
  err_poll_.stop();
}

void Process::end(const std::string& reason) {
  if (reason_.empty()) reason_ = reason;
  killed_ = true;
  if (pidfd_.open() && !finished_) (void)syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);  // ESRCH: it is ending already
}

void Process::send(const uint8_t* bytes, size_t size) {
  if (finished_ || killed_) return;
  if (outgoing_.empty()) {
    const ssize_t sent = ::send(channel_.get(), bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(size)) return;
    if (sent > 0) bytes += sent, size -= static_cast<size_t>(sent);
  }
  if (outgoing_.size() + size > kMostOutgoing) return end("it does not read what is sent to it");
  outgoing_.insert(outgoing_.end(), bytes, bytes + size);
  flush();
}

void Process::flush() {
  while (sent_ < outgoing_.size()) {
    const ssize_t sent = ::send(channel_.get(), outgoing_.data() + sent_, outgoing_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) break;  // EAGAIN: later; anything else: its end is seen by the poll
    sent_ += static_cast<size_t>(sent);
  }
  const bool all = sent_ == outgoing_.size();
  if (all) {
    outgoing_.clear();
    sent_ = 0;
  }
  const int events = all ? UV_READABLE : UV_READABLE | UV_WRITABLE;
  if (channel_poll_.active() && channel_poll_.events() != events) channel_poll_.change(events);
}

// ---- from the process

void Process::watch_channel() {
  channel_poll_.start(Environment::of(Env()).loop, channel_.get(), UV_READABLE, [this](int events) { on_channel(events); });
}

void Process::on_channel(int events) {
  if (events & UV_WRITABLE) flush();
  if (events & UV_READABLE) (void)read_channel();
}

// One read an event: what is left makes the next event. Returns true when it read something.
bool Process::read_channel() {
  Napi::Env env = Env();
  uint8_t* const buffer = Environment::of(env).received_bytes;
  const ssize_t size = recv(channel_.get(), buffer, kReadBytes, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    channel_poll_.stop();
    if (!finished_) end("it closed its channel");
    return false;
  }
  bool good = true;
  call_out(env, [&] { good = reader_.feed({buffer, static_cast<size_t>(size)}, [&](const sock::Frame& frame) { return on_frame(frame, buffer); }); });
  if (!good) end("it sent something that is no frame");
  return good;
}

// False when no further frame is of interest.
bool Process::on_frame(const sock::Frame& frame, uint8_t* received) {
  if (frame.type == sock::wire::Type::kFailed) {
    sock::wire::SetupFailure failure;
    memcpy(&failure, frame.payload.data(), sizeof failure);
    end("could not " + sock::describe(failure) + ": " + strerror(failure.error));
    return false;
  }
  if (frame.type == sock::wire::Type::kEnd) ended_at_ = iteration();
  // Its own word may be read before the zygote's that has the pidfd, without which no lambda can be attached.
  if (frame.type == sock::wire::Type::kReady && frame.request == 0 && !pidfd_.open()) {
    ready_early_ = true;
    return true;
  }
  // A frame that came in pieces was put together elsewhere.
  const uint8_t* payload = frame.payload.data();
  if (payload < received || payload > received + sock::wire::kMaxPayload) payload = static_cast<uint8_t*>(memcpy(received, payload, frame.payload.size()));
  tell(frame, static_cast<uint32_t>(payload - received));
  return !finished_ && !killed_;
}

// The flags, where there are any, stand above the type: native.ts names both together.
void Process::tell(const sock::Frame& frame, uint32_t offset) {
  Napi::Env env = Env();
  (void)on_frame_.Call({Napi::Number::New(env, static_cast<uint32_t>(frame.type) | static_cast<uint32_t>(frame.flags) << 8), Napi::Number::New(env, frame.request),
                        Napi::Number::New(env, offset), Napi::Number::New(env, static_cast<uint32_t>(frame.payload.size()))});
}

// One read empties a pipe of all that was in it (the buffer is larger than a pipe): what comes after it is not waited for.
bool Process::read_both_outputs() {
  const bool more = out_.open() && read_output(out_poll_, out_, 1);
  return (err_.open() && read_output(err_poll_, err_, 2)) || more;
}

bool Process::read_output(Poll& poll, sock::OwnFd& fd, int stream) {
  Napi::Env env = Env();
  auto& buffer = Environment::of(env).output;
  const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    poll.stop();
    fd.reset();
    return false;
  }
  call_out(env, [&] { (void)on_output_.Call({Napi::Number::New(env, stream), Napi::Buffer<uint8_t>::Copy(env, buffer.data(), static_cast<size_t>(size))}); });
  return fd.open();
}

// ---- its end

void Process::on_exit() {
  // What it said before it ended comes first. The leaf was its namespace's init, so nobody else holds the other ends any more.
  while (channel_poll_.active() && !killed_ && read_channel()) {
  }
  while (read_both_outputs()) {
  }
  if (finished_) return;
  sock::Exit exit{-1, 0};
  try {
    exit = sock::reap(pidfd_.get());
  } catch (const sock::SysError& error) {
    if (reason_.empty()) reason_ = error.what();
  }
  finish(exit.code, exit.signal);
}

void Process::finish(int code, int signal) {
  finished_ = true;
  release();
  Napi::Env env = Env();
  call_out(env, [&] {
    (void)on_exit_.Call({Napi::Number::New(env, code), Napi::Number::New(env, signal), reason_.empty() ? env.Undefined() : Napi::String::New(env, reason_)});
  });
  on_frame_.Reset();
  on_output_.Reset();
  on_exit_.Reset();
  Unref();
}

void Process::release() {
  channel_poll_.stop();
  out_poll_.stop();
  err_poll_.stop();
  exit_poll_.stop();
  channel_.reset();
  pidfd_.reset();
  out_.reset();
  err_.reset();
}
