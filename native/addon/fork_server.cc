#include "fork_server.h"

#include <sys/socket.h>

#include "../core/forking.h"
#include "../core/identity.h"
#include "../core/mounts.h"
#include "../core/sys.h"
#include "environment.h"
#include "process.h"

namespace {

uint32_t number(const Napi::Object& o, const char* key) { return o.Get(key).As<Napi::Number>().Uint32Value(); }
int descriptor(const Napi::Object& o, const char* key) { return o.Get(key).As<Napi::Number>().Int32Value(); }
uint64_t amount(const Napi::Object& o, const char* key) { return static_cast<uint64_t>(o.Get(key).As<Napi::Number>().DoubleValue()); }

sock::OwnFd orphan_of(int cgroup) {
  try {
    return sock::orphan_in(cgroup);
  } catch (const sock::SysError&) {
    return sock::OwnFd();  // the cgroup tells nothing: as if nobody were in it
  }
}

}  // namespace

Napi::Function ForkServer::define(Napi::Env env) {
  return DefineClass(env, "ForkServer", {InstanceMethod("fork", &ForkServer::fork), InstanceMethod("close", &ForkServer::close)});
}

ForkServer::ForkServer(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ForkServer>(info), socket_(info[0].As<Napi::Number>().Int32Value()) {
  const auto handlers = info[1].As<Napi::Object>();
  on_serving_ = Napi::Persistent(handlers.Get("onServing").As<Napi::Function>());
  on_answered_ = Napi::Persistent(handlers.Get("onAnswered").As<Napi::Function>());
  on_gone_ = Napi::Persistent(handlers.Get("onGone").As<Napi::Function>());
  try {
    sock::send_seal(socket_.get());
  } catch (const sock::SysError& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
  Ref();
  poll_.start(Environment::of(info.Env()).loop, socket_.get(), UV_READABLE, [this](int) { on_readable(); });
}

// fork({uid, standby, cgroup, network, scratch, code, dataBytes, processes}, handlers) -> Process; code: the directory for /handler, "" for none yet
Napi::Value ForkServer::fork(const Napi::CallbackInfo& info) {
  const auto o = info[0].As<Napi::Object>();
  Napi::Env env = info.Env();
  try {
    const std::string code = o.Get("code").As<Napi::String>().Utf8Value();
    const sock::OwnFd handler = code.empty() ? sock::OwnFd() : sock::bind_directory(code);
    sock::LeafEnds ends = sock::request_fork(socket_.get(), {.uid = number(o, "uid"),
                                                             .standby = o.Get("standby").ToBoolean().Value(),
                                                             .cgroup = descriptor(o, "cgroup"),
                                                             .network = descriptor(o, "network"),
                                                             .scratch = descriptor(o, "scratch"),
                                                             .handler = handler.get(),
                                                             .data_bytes = amount(o, "dataBytes"),
                                                             .processes = amount(o, "processes")});
    Process* process = Process::make(env, info[1].As<Napi::Object>(), std::move(ends), sock::OwnFd());
    waiting_.push_back({process, descriptor(o, "cgroup")});
    return process->Value();
  } catch (const sock::SysError& error) {
    throw Napi::Error::New(env, error.what());
  }
}

void ForkServer::on_readable() {
  try {
    if (!serving_) {
      char said = 0;
      const ssize_t size = recv(socket_.get(), &said, 1, MSG_DONTWAIT);
      if (size != 1 || said != sock::wire::kServing) return gone("it ended before it served");
      serving_ = true;
      return call_out(Env(), [this] { (void)on_serving_.Call({}); });
    }
    while (auto answer = sock::receive_answer(socket_.get())) {
      if (waiting_.empty()) return gone("it answered a request that was not made");
      const auto [process, cgroup] = waiting_.front();
      if (answer->error == 0 && !sock::is_leaf_of(answer->pidfd.get(), cgroup)) return gone("it answered with another process");
      waiting_.pop_front();
      if (answer->error != 0) {
        process->unborn(std::string("clone3 in the zygote: ") + strerror(answer->error));
      } else {
        process->born(std::move(answer->pidfd));
      }
      if (socket_.open()) call_out(Env(), [this] { (void)on_answered_.Call({}); });
      if (!socket_.open()) return;
    }
  } catch (const sock::SysError& error) {
    gone(error.what());
  }
}

void ForkServer::close(const Napi::CallbackInfo&) {
  if (socket_.open()) gone("the worker closed it");
}

void ForkServer::gone(const std::string& reason) {
  poll_.stop();
  socket_.reset();
  const auto unborn = std::move(waiting_);
  waiting_.clear();
  // First, so that nobody asks this one for another fork when those that wait have failed.
  call_out(Env(), [&] { (void)on_gone_.Call({Napi::String::New(Env(), reason)}); });
  for (const auto& [process, cgroup] : unborn) {
    sock::OwnFd orphan = orphan_of(cgroup);  // born, but its zygote had no time to say so
    if (orphan.open()) {
      process->born(std::move(orphan));
    } else {
      process->unborn("the zygote is gone: " + reason);
    }
  }
  Unref();
}
