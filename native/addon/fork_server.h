// The worker's side of one zygote: sends fork requests, hands each answer to the Process that waits for it.
#pragma once

#include <napi.h>

#include <deque>
#include <string>

#include "../core/fd.h"
#include "poll.h"

class Process;

class ForkServer : public Napi::ObjectWrap<ForkServer> {
 public:
  static Napi::Function define(Napi::Env env);
  /// new ForkServer(controlFd, {onServing(), onAnswered(), onGone(reason)}); owns the descriptor.
  explicit ForkServer(const Napi::CallbackInfo& info);

 private:
  Napi::Value fork(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void on_readable();
  void gone(const std::string& reason);

  sock::OwnFd socket_;
  Poll poll_;
  bool serving_ = false;
  struct Waiting {
    Process* process;
    int cgroup;  // its slot's, which stays open as long as the process may come
  };
  std::deque<Waiting> waiting_;
  Napi::FunctionReference on_serving_, on_answered_, on_gone_;
};
