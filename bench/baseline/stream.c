/* stream PORT PATH: the command N sends a body of N bytes and reads meanwhile what comes back, which must be the same bytes, in chunks.
 * {"ns": [from before the first byte was sent until the last one was read]} */
#include "chunked.h"

#include <poll.h>

enum { PERIOD = 65521, ROOM = 1 << 18 }; /* a prime: no piece that is lost or comes twice goes unnoticed */

static char pattern[PERIOD + ROOM], data[ROOM];

static void send_some(int fd, size_t *sent, size_t bytes) {
  size_t left = bytes - *sent;
  ssize_t some = send(fd, pattern + *sent % PERIOD, left < ROOM ? left : ROOM, MSG_DONTWAIT | MSG_NOSIGNAL);
  must(some > 0 || errno == EAGAIN, "send a body");
  if (some > 0) *sent += (size_t)some;
}

/* What of the body is in `data`. */
static void compare(struct chunked *c, size_t length, size_t *got, size_t bytes) {
  const char *piece;
  for (size_t at = 0, some; at < length && c->at != WHOLE;) {
    at += chunk(c, data + at, length - at, &piece, &some);
    errno = 0;
    must(*got + some <= bytes && (some == 0 || memcmp(piece, pattern + *got % PERIOD, some) == 0), "compare a body: it is another one");
    *got += some;
  }
}

int main(int argc, char **argv) {
  must(argc == 3, "stream PORT PATH");
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = i < PERIOD ? (char)(i * i >> 7) : pattern[i - PERIOD];
  int fd = dial(atoi(argv[1]));
  for (;;) {
    size_t bytes = strtoul(command(), NULL, 10), sent = 0, got = 0;
    char head[1024], json[100];
    fd = still_dialled(fd, atoi(argv[1]));
    int size = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Length: %zu\r\n\r\n", argv[2], bytes);
    struct chunked c = {0};
    int headed = 0;
    int64_t from = now(CLOCK_MONOTONIC);
    must(send(fd, head, (size_t)size, 0) == size, "send");
    while (c.at != WHOLE) {
      struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (sent < bytes ? POLLOUT : 0))};
      must(poll(&p, 1, -1) == 1, "poll");
      if (p.revents & POLLOUT) send_some(fd, &sent, bytes);
      if (!(p.revents & ~POLLOUT)) continue;
      ssize_t length = headed ? recv(fd, data, sizeof data, 0) : (ssize_t)chunked_head(fd, data, sizeof data);
      must(length > 0 || !headed, "receive a body");
      headed = 1;
      compare(&c, (size_t)length, &got, bytes);
    }
    int64_t took = now(CLOCK_MONOTONIC) - from;
    errno = 0;
    must(got == bytes, "compare a body: some is missing");
    snprintf(json, sizeof json, "{\"ns\":[%lld]}", (long long)took);
    answer(json);
  }
}
