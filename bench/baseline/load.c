/* load PORT CLIENTS FORMAT FORCE BODY EXPECTED: clients that each send the next POST as soon as they have their reply. FORMAT is the path, perhaps with a %d
 * for the number of the request. The command "FROM COUNT" sends the requests FROM, FROM+1 ... and answers {"ns": [time for all of them]}; every status and
 * body is checked. */
#include "http.h"

#include <sys/epoll.h>

struct client {
  int fd;
  size_t got, whole, head;
  char reply[8192];
};

static const char *format, *force, *body, *expected;

static void ask(struct client *c, int number) {
  char path[256], text[2048];
  snprintf(path, sizeof path, format, number);
  int size = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s%s%s\r\n%s", path,
                      strlen(body), *force ? "X-Force-Start: " : "", force, *force ? "\r\n" : "", body);
  c->got = c->whole = 0;
  must(send(c->fd, text, (size_t)size, 0) == size, "send");
}

static void redial(struct client *c, int poll, int port) {
  int fd = c->fd < 0 ? dial(port) : still_dialled(c->fd, port);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  must(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e) == 0 || errno == EEXIST, "epoll_ctl");
  c->fd = fd;
}

/* True when the reply is complete. */
static int read_reply(struct client *c) {
  ssize_t more = recv(c->fd, c->reply + c->got, sizeof c->reply - 1 - c->got, 0);
  must(more > 0, "receive a reply");
  c->got += (size_t)more;
  c->reply[c->got] = 0;
  if (c->whole == 0) c->whole = reply_length(c->reply, &c->head);
  return c->whole != 0 && c->got >= c->whole;
}

int main(int argc, char **argv) {
  must(argc == 7, "load PORT CLIENTS FORMAT FORCE BODY EXPECTED");
  int count = atoi(argv[2]), poll = epoll_create1(EPOLL_CLOEXEC);
  format = argv[3], force = argv[4], body = argv[5], expected = argv[6];
  struct client *clients = calloc((size_t)count, sizeof *clients);
  for (int i = 0; i < count; i++) clients[i].fd = -1;
  for (;;) {
    int next, requests, done = 0, wrong = 0;
    must(sscanf(command(), "%d %d", &next, &requests) == 2, "FROM COUNT");
    for (int i = 0; i < count; i++) redial(&clients[i], poll, atoi(argv[1]));
    int end = next + requests;
    int64_t from = now(CLOCK_MONOTONIC);
    for (int i = 0; i < count && next < end; i++) ask(&clients[i], next++);
    while (done < requests) {
      struct epoll_event events[64];
      int n = epoll_wait(poll, events, 64, -1);
      for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        if (!read_reply(c)) continue;
        done++;
        if (strncmp(c->reply, "HTTP/1.1 200", 12) != 0 || strcmp(c->reply + c->head, expected) != 0) {
          if (wrong++ == 0) fprintf(stderr, "%s\n", c->reply);
        }
        if (next < end) ask(c, next++);
      }
    }
    int64_t took = now(CLOCK_MONOTONIC) - from;
    char json[200];
    if (wrong == 0) snprintf(json, sizeof json, "{\"ns\":[%lld]}", (long long)took);
    else snprintf(json, sizeof json, "{\"error\":\"%d of %d replies were not the one expected\"}", wrong, requests);
    answer(json);
  }
}
