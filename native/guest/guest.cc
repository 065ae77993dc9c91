#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "../core/raw.h"
#include "../core/wire.h"
#include "atfork.h"
#include "leaf.h"

namespace sock::guest {
namespace {

using raw::at;
using raw::call;

uint64_t born = 0, sealed = 0;

uint64_t now() noexcept {
  timespec t{};
  (void)call(__NR_clock_gettime, CLOCK_MONOTONIC, at(&t));  // cannot fail
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

// The word in which libc keeps the calling thread's id, which a raw clone leaves at the parent's. glibc has the kernel clear that same word at
// the thread's end; musl has it clear a lock instead, so there it is looked up in the thread's control block.
struct ThreadId {
  int32_t* word;
  bool cleared_at_exit;
};
ThreadId thread_id_word() noexcept {
  const auto tid = static_cast<int32_t>(call(__NR_gettid));
  int32_t* word = nullptr;
  if (call(__NR_prctl, PR_GET_TID_ADDRESS, at(&word)) == 0 && word && *word == tid) return {word, true};
  const uintptr_t from = raw::thread_pointer(), end = (from | 4095) + 1;
  for (auto* p = reinterpret_cast<int32_t*>(from); reinterpret_cast<uintptr_t>(p) < end; p++)
    if (*p == tid) return {p, false};
  return {nullptr, false};
}

// A fork keeps only the calling thread. unshare(CLONE_THREAD) changes nothing and is refused exactly when there are others.
bool single_threaded() noexcept { return call(__NR_unshare, CLONE_THREAD) == 0; }

struct Received {
  long bytes;
  int fds[wire::kForkFds + 1];  // the kernel fills the padding of the control message too
  int count;
};

template <typename T>
Received receive(T* into, unsigned long size) noexcept {
  Received r = {0, {}, 0};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * wire::kForkFds)];
  iovec part = {into, size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  do r.bytes = call(__NR_recvmsg, kForkSocket, at(&message), MSG_CMSG_CLOEXEC);
  while (r.bytes == -EINTR);
  if (r.bytes <= 0 || message.msg_controllen < sizeof(cmsghdr)) return r;
  const auto* head = reinterpret_cast<const cmsghdr*>(control);
  if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return r;
  r.count = static_cast<int>((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  for (int i = 0; i < r.count; i++) r.fds[i] = reinterpret_cast<const int*>(CMSG_DATA(head))[i];
  return r;
}

void answer(int error, int pidfd) noexcept {
  wire::ForkReply reply = {wire::kVersion, {}, error};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part = {&reply, sizeof reply};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (error == 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    auto* head = reinterpret_cast<cmsghdr*>(control);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    *reinterpret_cast<int*>(CMSG_DATA(head)) = pidfd;
  }
  (void)call(__NR_sendmsg, kForkSocket, at(&message), MSG_NOSIGNAL);  // a worker that is gone is seen at the next receive
}

// Capabilities come back at an execve only within the bounding set: empty, none can, here or in any leaf.
void empty_bounding_set() noexcept {
  for (long capability = 0; call(__NR_prctl, PR_CAPBSET_DROP, capability) == 0; capability++) {
  }
}

// One fork, born in its cgroup and its namespaces. The worker is the parent (CLONE_PARENT): it learns the true exit status, and the leaf
// outlives this zygote. exit_signal stays 0 with CLONE_PARENT (clone(2)).
long clone_leaf(int cgroup, const ThreadId& id, int* pidfd) noexcept {
  clone_args a = {};
  a.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PARENT | CLONE_PIDFD | CLONE_INTO_CGROUP;
  if (id.word) a.flags |= CLONE_CHILD_SETTID;
  if (id.cleared_at_exit) a.flags |= CLONE_CHILD_CLEARTID;
  a.child_tid = reinterpret_cast<uint64_t>(id.word);
  a.pidfd = reinterpret_cast<uint64_t>(pidfd);
  a.cgroup = static_cast<uint64_t>(cgroup);
  return call(__NR_clone3, at(&a), sizeof a);
}

void run(void (*hook)(void)) noexcept {
  if (hook) hook();
}

}  // namespace
}  // namespace sock::guest

extern "C" {

uint64_t guest_born(void) { return sock::guest::born; }
uint64_t guest_sealed(void) { return sock::guest::sealed; }

void guest_spin(uint64_t nanoseconds) {
  using namespace sock;
  struct {
    int fd;
    short events, revents;
  } channel = {guest::kForkSocket, 1 /* POLLIN */, 0};  // the channel has the fork socket's number in a leaf
  const timespec at_once = {};
  const uint64_t until = guest::now() + nanoseconds;
  while (raw::call(__NR_ppoll, raw::at(&channel), 1, raw::at(&at_once), 0, 0) == 0 && guest::now() < until) (void)raw::call(__NR_sched_yield);
}

int guest_serve(const GuestHooks* hooks) {
  using namespace sock::guest;
  using namespace sock;
  static sock_filter instructions[512];
  const Received program = receive(instructions, sizeof instructions);
  if (program.bytes <= 0 || program.bytes % static_cast<long>(sizeof(sock_filter)) != 0) return -ESHUTDOWN;
  const sock_fprog seal = {static_cast<unsigned short>(program.bytes / static_cast<long>(sizeof(sock_filter))), instructions};
  if (!single_threaded() || !atfork_complete()) return -EBUSY;
  empty_bounding_set();
  const ThreadId id = thread_id_word();
  const uint32_t masks = maskable();
  const char serving = wire::kServing;
  (void)call(__NR_write, kForkSocket, at(&serving), 1);
  for (;;) {
    wire::ForkRequest request = {};
    const Received got = receive(&request, sizeof request);
    if (got.bytes <= 0) return -ESHUTDOWN;
    const bool good = got.bytes == sizeof request && request.version == wire::kVersion && got.count == wire::kForkFds - (request.has_handler ? 0 : 1);
    int pidfd = -1;
    long pid = -EPROTO;
    if (good) {
      run(hooks->before);
      atfork_prepare();
      pid = clone_leaf(got.fds[wire::kCgroup], id, &pidfd);
      if (pid == 0) {
        born = now();
        contain(request, got.fds, masks, seal);
        sealed = now();
        atfork_child();
        run(hooks->child);
        return request.standby ? kGuestStandby : kGuestForked;
      }
      atfork_parent();
      run(hooks->parent);
    }
    answer(pid < 0 ? static_cast<int>(-pid) : 0, pidfd);
    if (pidfd >= 0) (void)call(__NR_close, pidfd);
    for (int i = 0; i < got.count; i++) (void)call(__NR_close, got.fds[i]);
  }
}

// The compiler may call these for copies of structs; a freestanding library brings its own.
void* memset(void* to, int byte, unsigned long size) {
  for (unsigned long i = 0; i < size; i++) static_cast<volatile char*>(to)[i] = static_cast<char>(byte);
  return to;
}
void* memcpy(void* to, const void* from, unsigned long size) {
  for (unsigned long i = 0; i < size; i++) static_cast<volatile char*>(to)[i] = static_cast<const char*>(from)[i];
  return to;
}
}
