// What one JavaScript environment (one shard) holds of this addon. Nothing is global to the process.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "../core/attacher.h"

class Process;

/// Results of the attacher thread on their way to the event loop.
class Attachments {
 public:
  explicit Attachments(uv_loop_t* loop);
  ~Attachments();
  struct Result {
    Process* process;
    int error;
    size_t sent;
  };
  void submit(sock::AttachJob job, Process* process);

 private:
  void deliver();

  std::mutex mutex_;
  std::vector<Result> results_;
  uv_async_t* async_;
  sock::Attacher attacher_;  // last: its thread ends before what it uses
};

struct Environment {
  explicit Environment(Napi::Env env);
  uv_loop_t* loop;
  /// What is read from a channel goes here, in sight of JavaScript: a frame costs no object. One frame of any length fits.
  Napi::Reference<Napi::Uint8Array> received;
  uint8_t* const received_bytes;
  std::vector<uint8_t> output;  // what is read from a log pipe, before it is copied
  Napi::FunctionReference process, fork_server;
  Napi::AsyncContext context;
  Attachments attachments;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

/// Calls JavaScript from the event loop, once or several times: its promises and ticks run when `calls` has returned. What it throws ends where
/// an exception in any other event handler ends, at the process's `uncaughtException`.
template <typename Calls>
void call_out(Napi::Env env, Calls calls) {
  const Napi::HandleScope handles(env);
  try {
    Napi::CallbackScope scope(env, Environment::of(env).context);
    calls();
  } catch (const Napi::Error& error) {
    (void)napi_fatal_exception(env, error.Value());
  }
}
