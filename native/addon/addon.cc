// The exports. Nothing but conversion: arguments into a struct, the core does the work, the result becomes JavaScript.
#include <fcntl.h>
#include <napi.h>
#include <sys/file.h>
#include <sys/socket.h>

#include "../core/cgroup.h"
#include "../core/identity.h"
#include "../core/listening.h"
#include "../core/mounts.h"
#include "../core/namespaces.h"
#include "../core/spawn.h"
#include "../core/sys.h"
#include "environment.h"
#include "fork_server.h"
#include "process.h"

namespace {

using Napi::CallbackInfo;
using Napi::Value;

// Runs a function of the core; what it throws becomes a JavaScript error with errno's number as `errno`.
template <typename Work>
auto guarded(Napi::Env env, Work work) {
  try {
    return work();
  } catch (const sock::SysError& error) {
    auto e = Napi::Error::New(env, error.what());
    e.Set("errno", Napi::Number::New(env, error.error));
    throw e;
  }
}

int fd_of(const Value& v) { return v.As<Napi::Number>().Int32Value(); }
std::string text_of(const Value& v) { return v.As<Napi::String>().Utf8Value(); }
Value number(Napi::Env env, double n) { return Napi::Number::New(env, n); }
Value handed_over(Napi::Env env, sock::OwnFd fd) { return number(env, fd.release()); }

// userNamespace([[inside, outside, count] …]) -> fd
Value user_namespace(const CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<sock::IdRange> ids;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const auto r = list.Get(i).As<Napi::Array>();
    const auto n = [&](uint32_t k) { return r.Get(k).As<Napi::Number>().Uint32Value(); };
    ids.push_back({n(0), n(1), n(2)});
  }
  return guarded(info.Env(), [&] { return handed_over(info.Env(), sock::user_namespace(ids)); });
}

Value bind_tree(const CallbackInfo& info) {
  return guarded(info.Env(), [&] { return handed_over(info.Env(), sock::bind_tree(text_of(info[0]))); });
}
Value empty_proc(const CallbackInfo& info) {
  return guarded(info.Env(), [&] { return handed_over(info.Env(), sock::empty_proc()); });
}
Value devices(const CallbackInfo& info) {
  return guarded(info.Env(), [&] { return handed_over(info.Env(), sock::devices()); });
}

// The parts of a slot that one lambda uses up, made anew on a thread of the pool: the network namespace only when it was used.
class RefreshSlot : public Napi::AsyncWorker {
 public:
  RefreshSlot(Napi::Env env, int user, int network, sock::ScratchOptions scratch)
      : AsyncWorker(env, "sock:slot"), promise_(Napi::Promise::Deferred::New(env)), user_(user), network_(network), options_(scratch) {}
  Napi::Promise promise() const { return promise_.Promise(); }

 protected:
  void Execute() override {
    try {
      if (network_ < 0 || !sock::network_unused(network_)) made_ = sock::network_namespace(user_);
      scratch_ = sock::scratch(options_);
    } catch (const sock::SysError& error) {
      SetError(error.what());
    }
  }
  void OnOK() override {
    auto result = Napi::Object::New(Env());
    result.Set("network", made_.open() ? made_.release() : network_);
    result.Set("scratch", scratch_.release());
    promise_.Resolve(result);
  }
  void OnError(const Napi::Error& error) override { promise_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred promise_;
  int user_, network_;
  sock::ScratchOptions options_;
  sock::OwnFd made_, scratch_;
};

// refreshSlot({user, network, bytes, inodes, uid}) -> Promise<{network, scratch}>; `network` is -1 for a new slot, and the caller closes the old
// one when another comes back.
Value refresh_slot(const CallbackInfo& info) {
  const auto o = info[0].As<Napi::Object>();
  auto* work = new RefreshSlot(info.Env(), fd_of(o.Get("user")), fd_of(o.Get("network")),
                               {.bytes = static_cast<uint64_t>(o.Get("bytes").As<Napi::Number>().DoubleValue()),
                                .inodes = static_cast<uint64_t>(o.Get("inodes").As<Napi::Number>().DoubleValue()),
                                .uid = o.Get("uid").As<Napi::Number>().Uint32Value()});
  const auto promise = work->promise();
  work->Queue();  // deletes itself
  return promise;
}

// resizeScratch(scratch, {bytes, inodes})
void resize_scratch(const CallbackInfo& info) {
  const auto o = info[1].As<Napi::Object>();
  const auto amount = [&](const char* key) { return static_cast<uint64_t>(o.Get(key).As<Napi::Number>().DoubleValue()); };
  guarded(info.Env(), [&] { sock::resize_scratch(fd_of(info[0]), {.bytes = amount("bytes"), .inodes = amount("inodes"), .uid = 0}); });
}

std::vector<std::string> strings(const Value& v) {
  const auto list = v.As<Napi::Array>();
  std::vector<std::string> out;
  for (uint32_t i = 0; i < list.Length(); i++) out.push_back(text_of(list.Get(i)));
  return out;
}

// spawn({user, cgroup, staging, mounts: [[fd, target] …], hostname, limits: [[resource, value] …], argv, environment}, handlers)
// -> {process, control}: control is our end of a seqpacket pair, of which the other is the program's descriptor 3.
Value spawn(const CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto o = info[0].As<Napi::Object>();
  sock::SpawnOptions options{.user = fd_of(o.Get("user")),
                             .cgroup = fd_of(o.Get("cgroup")),
                             .staging = text_of(o.Get("staging")),
                             .mounts = {},
                             .hostname = text_of(o.Get("hostname")),
                             .control = -1,
                             .stdio = {-1, -1, -1},
                             .limits = {},
                             .argv = strings(o.Get("argv")),
                             .environment = strings(o.Get("environment"))};
  const auto mounts = o.Get("mounts").As<Napi::Array>(), limits = o.Get("limits").As<Napi::Array>();
  for (uint32_t i = 0; i < mounts.Length(); i++) {
    const auto m = mounts.Get(i).As<Napi::Array>();
    options.mounts.push_back({fd_of(m.Get(0u)), text_of(m.Get(1u))});
  }
  for (uint32_t i = 0; i < limits.Length(); i++) {
    const auto l = limits.Get(i).As<Napi::Array>();
    options.limits.emplace_back(fd_of(l.Get(0u)), static_cast<uint64_t>(l.Get(1u).As<Napi::Number>().DoubleValue()));
  }
  return guarded(env, [&]() -> Value {
    int control[2], out[2], err[2];
    sock::sys("socketpair", "control", [&] { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control); });
    sock::OwnFd ours(control[0]), theirs(control[1]);
    sock::sys("pipe2", "stdout", [&] { return pipe2(out, O_CLOEXEC); });
    sock::OwnFd out_read(out[0]), out_write(out[1]);
    sock::sys("pipe2", "stderr", [&] { return pipe2(err, O_CLOEXEC); });
    sock::OwnFd err_read(err[0]), err_write(err[1]);
    const sock::OwnFd null(sock::sys("open", "/dev/null", [] { return open("/dev/null", O_RDONLY | O_CLOEXEC); }));
    for (const int fd : {out_read.get(), err_read.get()}) sock::sys("fcntl", "log", [&] { return fcntl(fd, F_SETFL, O_NONBLOCK); });
    options.control = theirs.get();
    options.stdio[0] = null.get();
    options.stdio[1] = out_write.get();
    options.stdio[2] = err_write.get();
    sock::Child child = sock::spawn(options);
    Process* process = Process::make(env, info[1].As<Napi::Object>(), {sock::OwnFd(), std::move(out_read), std::move(err_read)}, std::move(child.pidfd));
    auto result = Napi::Object::New(env);
    result.Set("process", process->Value());
    result.Set("control", ours.release());
    return result;
  });
}

// destroyCgroup(directory, timeoutMs)
void destroy_cgroup(const CallbackInfo& info) {
  guarded(info.Env(), [&] { sock::destroy_cgroup(text_of(info[0]), fd_of(info[1])); });
}
// reapStrays(firstUid, count)
void reap_strays(const CallbackInfo& info) {
  guarded(info.Env(), [&] { sock::reap_strays(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value()); });
}
Value delegated_cgroup(const CallbackInfo& info) { return Napi::Boolean::New(info.Env(), sock::delegated_cgroup(text_of(info[0]))); }

// boundReceive(port, bytes) -> number of listening sockets
Value bound_receive(const CallbackInfo& info) {
  return guarded(info.Env(), [&] { return number(info.Env(), sock::bound_receive(static_cast<uint16_t>(fd_of(info[0])), fd_of(info[1]))); });
}

// lock(fd) -> true when this open file is now locked exclusively, false when another holds it
Value lock(const CallbackInfo& info) {
  const int fd = fd_of(info[0]);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  throw Napi::Error::New(info.Env(), std::string("flock: ") + strerror(errno));
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment(env);
  env.SetInstanceData<Environment>(environment);  // deleted with the environment
  environment->process = Napi::Persistent(Process::define(env));
  environment->fork_server = Napi::Persistent(ForkServer::define(env));
  exports.Set("received", environment->received.Value());
  exports.Set("ForkServer", environment->fork_server.Value());
  const auto function = [&](const char* name, auto* implementation) { exports.Set(name, Napi::Function::New(env, implementation, name)); };
  function("userNamespace", user_namespace);
  function("bindTree", bind_tree);
  function("emptyProc", empty_proc);
  function("devices", devices);
  function("refreshSlot", refresh_slot);
  function("resizeScratch", resize_scratch);
  function("spawn", spawn);
  function("destroyCgroup", destroy_cgroup);
  function("reapStrays", reap_strays);
  function("delegatedCgroup", delegated_cgroup);
  function("boundReceive", bound_receive);
  function("lock", lock);
  return exports;
}

}  // namespace

NODE_API_MODULE(sock, initialise)
