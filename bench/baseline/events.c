/* events PORT PATH COUNT: each command asks for events whose data is the time of CLOCK_MONOTONIC in ns at which they were sent.
 * {"ns": [how long each was on its way]} */
#include "chunked.h"

static char data[1 << 16], text[1 << 16];

int main(int argc, char **argv) {
  must(argc == 4, "events PORT PATH COUNT");
  int fd = dial(atoi(argv[1])), count = atoi(argv[3]);
  char head[1024];
  int size = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n", argv[2]);
  for (;;) {
    command();
    fd = still_dialled(fd, atoi(argv[1]));
    must(send(fd, head, (size_t)size, 0) == size, "send");
    struct chunked c = {0};
    size_t length = chunked_head(fd, data, sizeof data), held = 0;
    int seen = 0;
    printf("{\"ns\":[");
    for (;;) {
      int64_t at = now(CLOCK_MONOTONIC);
      const char *piece;
      for (size_t i = 0, some; i < length && c.at != WHOLE;) {
        i += chunk(&c, data + i, length - i, &piece, &some);
        must(held + some < sizeof text, "read an event");
        memcpy(text + held, piece, some);
        text[held += some] = 0;
      }
      for (char *end; (end = strstr(text, "\n\n"));) {
        long long sent;
        must(sscanf(text, "data: %lld\n", &sent) == 1, "read an event");
        printf("%s%lld", seen++ ? "," : "", (long long)at - sent);
        held -= (size_t)(end + 2 - text);
        memmove(text, end + 2, held + 1);
      }
      if (c.at == WHOLE) break;
      ssize_t more = recv(fd, data, sizeof data, 0);
      must(more > 0, "receive events");
      length = (size_t)more;
    }
    errno = 0;
    must(seen == count && held == 0, "count the events");
    puts("]}");
    fflush(stdout);
  }
}
