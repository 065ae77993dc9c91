#include "environment.h"

#include "../core/wire.h"

namespace {
uv_loop_t* loop_of(Napi::Env env) {
  uv_loop_t* loop = nullptr;
  (void)napi_get_uv_event_loop(env, &loop);
  return loop;
}
}  // namespace

Environment::Environment(Napi::Env env) : loop(loop_of(env)), received(Napi::Persistent(Napi::Uint8Array::New(env, sock::wire::kMaxPayload))), received_bytes(received.Value().Data()), output(256 * 1024), context(env, "sock") {}
