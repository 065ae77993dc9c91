#include "forking.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <vector>

#include "policy.h"
#include "sys.h"

namespace sock {
namespace {

struct Pair {
  OwnFd ours, theirs;
};

Pair channel_pair() {
  int fds[2];
  sys("socketpair", "channel", [&] { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds); });
  Pair pair{OwnFd(fds[0]), OwnFd(fds[1])};
  sys("fcntl", "channel", [&] { return fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK); });  // ours alone: the leaf blocks
  return pair;
}

Pair log_pipe() {
  int fds[2];
  sys("pipe2", "log", [&] { return pipe2(fds, O_CLOEXEC); });
  Pair pair{OwnFd(fds[0]), OwnFd(fds[1])};
  sys("fchmod", "log", [&] { return fchmod(pair.theirs.get(), 0222); });  // so that the sandbox may open /dev/stdout
  sys("fcntl", "log", [&] { return fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK); });
  return pair;
}

// All that came, so that none stays open unseen: where one descriptor is expected the kernel's padding has room for two.
std::vector<OwnFd> descriptors(msghdr* message) {
  std::vector<OwnFd> out;
  for (cmsghdr* head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= head->cmsg_len; at += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(head) + at, sizeof fd);
      out.emplace_back(fd);
    }
  }
  return out;
}

// A zygote can get a pidfd of any process that it sees, and the worker kills and enters what it takes for a leaf.
bool is_child(int pidfd) {
  siginfo_t info;
  return waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

}  // namespace

void send_seal(int fork_socket) {
  const auto program = compile(seal_policy());
  sys("send", "zygote", [&] { return send(fork_socket, program.data(), program.size() * sizeof program[0], MSG_NOSIGNAL); });
}

LeafEnds request_fork(int fork_socket, const LeafParts& parts, std::span<const uint8_t> first) {
  Pair channel = channel_pair(), out = log_pipe(), err = log_pipe();
  const ssize_t sent = first.empty() ? 0 : send(channel.ours.get(), first.data(), first.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  wire::ForkRequest request{.version = wire::kVersion,
                            .standby = parts.standby,
                            .has_handler = parts.handler >= 0,
                            .reserved = 0,
                            .uid = parts.uid,
                            .data_bytes = parts.data_bytes,
                            .processes = parts.processes};
  std::array<int, wire::kForkFds> fds{};
  fds[wire::kChannel] = channel.theirs.get();
  fds[wire::kStdout] = out.theirs.get();
  fds[wire::kStderr] = err.theirs.get();
  fds[wire::kCgroup] = parts.cgroup;
  fds[wire::kNetwork] = parts.network;
  fds[wire::kScratch] = parts.scratch;
  fds[wire::kHandler] = parts.handler;
  const size_t size = sizeof(int) * (wire::kForkFds - (request.has_handler ? 0 : 1));
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  iovec part{&request, sizeof request};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(head), fds.data(), size);
  sys("sendmsg", "zygote", [&] { return sendmsg(fork_socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
  return {std::move(channel.ours), std::move(out.ours), std::move(err.ours), sent > 0 ? static_cast<size_t>(sent) : 0};
}

std::optional<ForkAnswer> receive_answer(int fork_socket) {
  wire::ForkReply reply{};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part{&reply, sizeof reply};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do size = recvmsg(fork_socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (size < 0 && (errno == EINTR || errno == ECONNRESET));  // reset: it ended with a request unread, but what it had answered is still there
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (size <= 0) throw SysError(size < 0 ? errno : ECONNRESET, "receive from zygote", "");
  std::vector<OwnFd> fds = descriptors(&message);
  const bool whole = size == sizeof reply && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && reply.version == wire::kVersion;
  if (whole && reply.error != 0 && fds.empty()) return ForkAnswer{reply.error, OwnFd()};
  if (whole && reply.error == 0 && fds.size() == 1 && is_child(fds[0].get())) return ForkAnswer{0, std::move(fds[0])};
  throw SysError(EPROTO, "receive from zygote", "");
}

}  // namespace sock
