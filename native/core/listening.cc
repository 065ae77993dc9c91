#include "listening.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <filesystem>
#include <string>

#include "sys.h"

namespace sock {
namespace {

bool listens(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

// The port has the same place in both kinds of address.
bool has_port(int fd, uint16_t port) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  return (address.sin6_family == AF_INET || address.sin6_family == AF_INET6) && ntohs(address.sin6_port) == port;
}

}  // namespace

int bound_receive(uint16_t port, int bytes) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const std::string name = entry.path().filename().string();
    const int fd = std::stoi(name);
    if (!listens(fd) || !has_port(fd, port)) continue;
    sys("setsockopt", "port " + std::to_string(port), [&] { return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); });
    found++;
  }
  return found;
}

}  // namespace sock
