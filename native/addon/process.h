// A process of the worker as JavaScript sees it: its channel (if it has one), what it writes, its end. Releases all it holds when the process has
// ended; until then it keeps itself alive.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "../core/fd.h"
#include "../core/forking.h"
#include "../core/frames.h"
#include "poll.h"

class Process : public Napi::ObjectWrap<Process> {
 public:
  static Napi::Function define(Napi::Env env);
  /// `handlers`: {onFrame(type, request, offset, length), onOutput(stream, bytes), onExit(code, signal, reason?)}. `pidfd` may come later, by born().
  static Process* make(Napi::Env env, Napi::Object handlers, sock::LeafEnds ends, sock::OwnFd pidfd);
  explicit Process(const Napi::CallbackInfo& info);

  void born(sock::OwnFd pidfd);
  /// The process never came to be.
  void unborn(const std::string& reason);

 private:
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value attach(const Napi::CallbackInfo& info);
  void interrupt(const Napi::CallbackInfo& info);
  void kill(const Napi::CallbackInfo& info);

  void send(const uint8_t* bytes, size_t size);
  void flush();
  void watch_channel();
  void on_channel(int events);
  bool read_channel();
  bool on_frame(const sock::Frame& frame, uint8_t* received);
  void tell(const sock::Frame& frame, uint32_t offset);
  bool read_both_outputs();
  bool read_output(Poll& poll, sock::OwnFd& fd, int stream);
  uint64_t iteration() const;
  void end(const std::string& reason);
  void on_exit();
  void finish(int code, int signal);
  void release();

  sock::OwnFd channel_, pidfd_, out_, err_;
  Poll channel_poll_, out_poll_, err_poll_, exit_poll_;
  sock::FrameReader reader_;
  std::vector<uint8_t> outgoing_;
  size_t sent_ = 0;
  uint64_t ended_at_ = ~0ull;  // the turn of the event loop in which the last request ended
  bool killed_ = false, finished_ = false, ready_early_ = false;
  std::string reason_;
  Napi::FunctionReference on_frame_, on_output_, on_exit_;
};
