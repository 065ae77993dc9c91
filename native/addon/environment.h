// What one JavaScript environment (one shard) holds of this addon. Nothing is global to the process.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <vector>

#include "../core/attacher.h"

struct Environment {
  explicit Environment(Napi::Env env);
  uv_loop_t* loop;
  /// What is read from a channel goes here, in sight of JavaScript: a frame costs no object. One frame of any length fits.
  Napi::Reference<Napi::Uint8Array> received;
  uint8_t* const received_bytes;
  std::vector<uint8_t> output;  // what is read from a log pipe, before it is copied
  Napi::FunctionReference process, fork_server;
  Napi::AsyncContext context;
  sock::Attacher attacher;

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
