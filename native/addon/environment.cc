#include "environment.h"

#include "../core/wire.h"
#include "process.h"

Attachments::Attachments(uv_loop_t* loop) : async_(new uv_async_t) {
  (void)uv_async_init(loop, async_, [](uv_async_t* a) { static_cast<Attachments*>(a->data)->deliver(); });
  async_->data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(async_));
}

Attachments::~Attachments() {
  uv_close(reinterpret_cast<uv_handle_t*>(async_), [](uv_handle_t* h) { delete reinterpret_cast<uv_async_t*>(h); });
}

void Attachments::submit(sock::AttachJob job, Process* process) {
  job.done = [this, process](int error, size_t sent) {
    {
      const std::lock_guard lock(mutex_);
      results_.push_back({process, error, sent});
    }
    (void)uv_async_send(async_);
  };
  attacher_.submit(std::move(job));
}

void Attachments::deliver() {
  std::vector<Result> ready;
  {
    const std::lock_guard lock(mutex_);
    ready.swap(results_);
  }
  for (const auto& r : ready) r.process->attached(r.error, r.sent);
}

namespace {
uv_loop_t* loop_of(Napi::Env env) {
  uv_loop_t* loop = nullptr;
  (void)napi_get_uv_event_loop(env, &loop);
  return loop;
}
}  // namespace

Environment::Environment(Napi::Env env) : loop(loop_of(env)), received(Napi::Persistent(Napi::Uint8Array::New(env, sock::wire::kMaxPayload))), received_bytes(received.Value().Data()), output(256 * 1024), context(env, "sock"), attachments(loop) {}
