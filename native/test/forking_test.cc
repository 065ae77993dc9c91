// The worker's end of the fork socket, against a zygote that the test plays itself: one that runs code of strangers may answer anything.
#include "../core/forking.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../core/clone.h"
#include "../core/plan.h"
#include "../core/policy.h"
#include "harness.h"
#include "rig.h"

namespace {

using namespace sock;
using namespace sock::test;

struct Ends {
  OwnFd worker, zygote;
  Ends() {
    int pair[2];
    sys("socketpair", "", [&] { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair); });
    worker.reset(pair[0]);
    zygote.reset(pair[1]);
  }
};

struct Message {
  std::string bytes;
  std::vector<OwnFd> fds;
};
Message receive(int socket) {
  char bytes[8192];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 32)];
  iovec part{bytes, sizeof bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = sys("recvmsg", "", [&] { return recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT); });
  Message out{std::string(bytes, static_cast<size_t>(size)), {}};
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head))
    for (size_t i = 0; i < (head->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
      out.fds.emplace_back(fd);
    }
  return out;
}

std::string reply(int32_t error, uint8_t version = wire::kVersion) {
  const wire::ForkReply r{version, {}, error};
  return {reinterpret_cast<const char*>(&r), sizeof r};
}

// Children of this process, as a zygote's leaves are.
Child waiting_child() { return clone_sharing({.flags = 0, .walk = sock_walk_wait, .plan = nullptr}); }
struct Waiting {
  Child child = waiting_child();
  int pidfd() const { return child.pidfd.get(); }
  ~Waiting() {
    (void)syscall(SYS_pidfd_send_signal, pidfd(), SIGKILL, nullptr, 0);
    (void)reap(pidfd());
  }
};

TEST("forking: a zygote is first told the seal") {
  const Ends ends;
  send_seal(ends.worker.get());
  const auto program = compile(seal_policy());
  const Message got = receive(ends.zygote.get());
  expect(got.bytes == std::string(reinterpret_cast<const char*>(program.data()), program.size() * sizeof program[0]), "the program");
  expect(got.fds.empty(), "descriptors");
}

TEST("forking: a request carries the slot's parts in their places, and ends that talk") {
  const OwnFd null = open_at(AT_FDCWD, "/dev/null", O_RDWR), zero = open_at(AT_FDCWD, "/dev/zero", O_RDONLY),
              full = open_at(AT_FDCWD, "/dev/full", O_RDONLY), random = open_at(AT_FDCWD, "/dev/urandom", O_RDONLY);
  const auto target = [](const OwnFd& fd) { return link_of(0, "fd/" + std::to_string(fd.get())); };
  for (const bool with_handler : {false, true}) {
    const Ends ends;
    const LeafEnds leaf = request_fork(ends.worker.get(), {.uid = 1234,
                                                           .standby = !with_handler,
                                                           .cgroup = null.get(),
                                                           .network = zero.get(),
                                                           .scratch = full.get(),
                                                           .handler = with_handler ? random.get() : -1,
                                                           .data_bytes = 1ull << 40,
                                                           .processes = 77});
    const Message got = receive(ends.zygote.get());
    expect_equal(got.bytes.size(), sizeof(wire::ForkRequest), "size");
    wire::ForkRequest request;
    memcpy(&request, got.bytes.data(), sizeof request);
    expect(request.version == wire::kVersion && request.uid == 1234 && request.data_bytes == 1ull << 40 && request.processes == 77,
           "the numbers");
    expect(request.standby == !with_handler && request.has_handler == with_handler && request.reserved == 0, "the marks");
    expect_equal(got.fds.size(), size_t{wire::kForkFds} - !with_handler, "descriptors");
    expect(target(got.fds[wire::kCgroup]) == "/dev/null" && target(got.fds[wire::kNetwork]) == "/dev/zero" &&
               target(got.fds[wire::kScratch]) == "/dev/full",
           "places");
    if (with_handler) expect_equal(target(got.fds[wire::kHandler]), std::string("/dev/urandom"), "handler");
    const auto crosses = [](int from, int to, const char* what) {
      char c = 0;
      expect(write(from, "x", 1) == 1 && read(to, &c, 1) == 1 && c == 'x', what);
    };
    crosses(got.fds[wire::kChannel].get(), leaf.channel.get(), "channel, up");
    crosses(leaf.channel.get(), got.fds[wire::kChannel].get(), "channel, down");
    crosses(got.fds[wire::kStdout].get(), leaf.out.get(), "stdout");
    crosses(got.fds[wire::kStderr].get(), leaf.err.get(), "stderr");
    for (const OwnFd* fd : {&leaf.channel, &leaf.out, &leaf.err}) {
      expect(fcntl(fd->get(), F_GETFL) & O_NONBLOCK, "the worker's ends do not block");
      expect(fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, "close-on-exec");
    }
    for (const auto place : {wire::kChannel, wire::kStdout, wire::kStderr})
      expect(!(fcntl(got.fds[place].get(), F_GETFL) & O_NONBLOCK), "the leaf's ends block");
  }
}

TEST("forking: a zygote far behind is told from one that is gone, and neither costs descriptors") {
  const OwnFd null = open_at(AT_FDCWD, "/dev/null", O_RDWR);
  const LeafParts parts{.uid = 1,
                        .standby = true,
                        .cgroup = null.get(),
                        .network = null.get(),
                        .scratch = null.get(),
                        .handler = -1,
                        .data_bytes = 0,
                        .processes = 0};
  Ends ends;
  const auto before = descriptors();
  int asked = 0;
  const auto behind = expect_throw("asking without end", [&] {
    for (; asked < 100'000; asked++) (void)request_fork(ends.worker.get(), parts);
  });
  expect_equal(behind.error, EAGAIN, "errno");
  expect(asked > 2, "it took " + std::to_string(asked));
  expect(descriptors() == before, "descriptors are left");
  ends.zygote.reset();
  const auto gone = expect_throw("asking nobody", [&] { (void)request_fork(ends.worker.get(), parts); });
  expect(gone.error == EPIPE || gone.error == ECONNRESET, gone.what());
  expect_equal(descriptors().size(), before.size() - 1, "descriptors");
}

TEST("forking: an answer is a pidfd or an errno") {
  const Ends ends;
  const Waiting leaf;
  expect(!receive_answer(ends.worker.get()), "none yet");
  send_with(ends.zygote.get(), reply(0), {leaf.pidfd()});
  send_with(ends.zygote.get(), reply(ENOMEM), {});
  const auto born = receive_answer(ends.worker.get()), failed = receive_answer(ends.worker.get());
  expect(born && born->error == 0 && pid_of(born->pidfd.get()) == leaf.child.pid, "born");
  expect(fcntl(born->pidfd.get(), F_GETFD) & FD_CLOEXEC, "close-on-exec");
  expect(failed && failed->error == ENOMEM && !failed->pidfd.open(), "failed");
  expect(!receive_answer(ends.worker.get()), "no more");
}

TEST("forking: an answer that is none ends the talk and costs no descriptor") {
  const Waiting leaf, other;
  const OwnFd null = open_at(AT_FDCWD, "/dev/null", O_RDWR);
  const struct {
    const char* what;
    std::string bytes;
    std::vector<int> fds;
  } table[] = {
      {"born, without a pidfd", reply(0), {}},
      {"failed, with a pidfd", reply(ENOMEM), {leaf.pidfd()}},
      {"another version", reply(0, 9), {leaf.pidfd()}},
      {"too short", "x", {leaf.pidfd()}},
      {"too long", reply(0) + "x", {leaf.pidfd()}},
      {"two pidfds", reply(0), {leaf.pidfd(), other.pidfd()}},
      {"many descriptors", reply(0), {leaf.pidfd(), null.get(), null.get(), null.get()}},
      {"failed, with many descriptors", reply(ENOMEM), {null.get(), null.get(), null.get()}},
  };
  for (const auto& row : table) {
    const Ends ends;
    const auto before = descriptors();
    send_with(ends.zygote.get(), row.bytes, row.fds);
    const auto error = expect_throw(row.what, [&] { (void)receive_answer(ends.worker.get()); });
    expect_equal(error.error, EPROTO, row.what);
    expect(descriptors() == before, std::string(row.what) + ": descriptors are left");
  }
}

// A zygote sees all processes of the host and may open a pidfd of any; the worker kills and enters what it is given.
TEST("forking: a pidfd of what is no child of the worker is not taken for a leaf") {
  const OwnFd null = open_at(AT_FDCWD, "/dev/null", O_RDWR), itself(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0))),
              parent(static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0)));
  for (const OwnFd* fd : {&null, &itself, &parent}) {
    const Ends ends;
    const auto before = descriptors();
    send_with(ends.zygote.get(), reply(0), {fd->get()});
    const auto error = expect_throw(link_of(0, "fd/" + std::to_string(fd->get())), [&] { (void)receive_answer(ends.worker.get()); });
    expect_equal(error.error, EPROTO, "errno");
    expect(descriptors() == before, "descriptors are left");
  }
}

TEST("forking: a leaf that has ended already is a leaf, and is still there to be reaped") {
  const Ends ends;
  const Child child = waiting_child();
  (void)syscall(SYS_pidfd_send_signal, child.pidfd.get(), SIGKILL, nullptr, 0);
  expect(readable(child.pidfd.get(), 10'000), "its end");
  send_with(ends.zygote.get(), reply(0), {child.pidfd.get()});
  const auto born = receive_answer(ends.worker.get());
  expect(born.has_value(), "born");
  expect_equal(reap(born->pidfd.get()).signal, SIGKILL, "signal");
}

TEST("forking: the end of a zygote is seen") {
  Ends ends;
  ends.zygote.reset();
  expect_equal(expect_throw("hung up", [&] { (void)receive_answer(ends.worker.get()); }).error, ECONNRESET, "errno");
}

}  // namespace
