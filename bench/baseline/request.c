/* request PORT PATH FORCE BODY EXPECTED: one client on one connection. The command N sends the POST N times, one after another, each from before the
 * send to the last byte of the reply; status, body and (where FORCE is not empty) start class are checked.
 * {"at": CLOCK_REALTIME ns before the first, "ns": [...], "start": class, "timing": Server-Timing of the last} */
#include "http.h"

static char text[4096], reply[1 << 20];

int main(int argc, char **argv) {
  must(argc == 6, "request PORT PATH FORCE BODY EXPECTED");
  const char *force = argv[3], *body = argv[4], *expected = argv[5];
  int fd = dial(atoi(argv[1]));
  int size = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s%s%s\r\n%s", argv[2],
                      strlen(body), *force ? "X-Force-Start: " : "", force, *force ? "\r\n" : "", body);
  for (;;) {
    int times = atoi(command());
    fd = still_dialled(fd, atoi(argv[1]));
    int64_t *ns = calloc((size_t)times, sizeof *ns), at = now(CLOCK_REALTIME);
    char start[32] = "", timing[1024] = "", wrong[512] = "";
    for (int i = 0; i < times && !*wrong; i++) {
      size_t got = 0, head = 0, whole = 0;
      int64_t from = now(CLOCK_MONOTONIC);
      must(send(fd, text, (size_t)size, 0) == size, "send");
      while (whole == 0 || got < whole) {
        ssize_t more = recv(fd, reply + got, sizeof reply - 1 - got, 0);
        must(more > 0, "receive a reply");
        got += (size_t)more;
        reply[got] = 0;
        if (whole == 0) whole = reply_length(reply, &head);
      }
      ns[i] = now(CLOCK_MONOTONIC) - from;
      int good = strncmp(reply, "HTTP/1.1 200", 12) == 0 && strcmp(reply + head, expected) == 0;
      reply[head - 2] = 0;
      header(reply, "x-start-class", start, sizeof start);
      header(reply, "server-timing", timing, sizeof timing);
      if (!good || (*force && strcmp(start, force) != 0)) {
        snprintf(wrong, sizeof wrong, "%.60s | %.20s | %.200s", reply, start, reply + head);
        for (char *c = wrong; *c; c++) if (*c == '"' || *c == '\\' || *c < ' ') *c = ' ';
      }
    }
    if (*wrong) printf("{\"error\":\"not the reply expected: %s\"}\n", wrong);
    else {
      printf("{\"at\":%lld,\"start\":\"%s\",\"timing\":\"%s\",\"ns\":[", (long long)at, start, timing);
      for (int i = 0; i < times; i++) printf("%s%lld", i ? "," : "", (long long)ns[i]);
      puts("]}");
    }
    fflush(stdout);
    free(ns);
  }
}
