/* What the measuring programs share: a line on stdin is a command, a line of JSON on stdout its answer. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The next command without its newline; ends the program at the end of stdin. */
static inline char *command(void) {
  static char line[4096];
  if (!fgets(line, sizeof line, stdin)) exit(0);
  line[strcspn(line, "\n")] = 0;
  return line;
}

static inline void answer(const char *json) {
  puts(json);
  fflush(stdout);
}

static inline void must(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}
