/* launch PROGRAM ARG...: for each command, starts the program and waits for its end; it must end with 0. {"ns": [n]} */
#include "helper.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv) {
  must(argc > 1, "launch PROGRAM ARG...");
  posix_spawn_file_actions_t quiet; /* the program must not read our commands or write among our answers */
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  for (;;) {
    command();
    pid_t pid;
    int status;
    int64_t from = now(CLOCK_MONOTONIC);
    errno = posix_spawnp(&pid, argv[1], &quiet, NULL, argv + 1, environ);
    must(errno == 0, argv[1]);
    must(waitpid(pid, &status, 0) == pid, "waitpid");
    int64_t took = now(CLOCK_MONOTONIC) - from;
    char json[200];
    if (status == 0) snprintf(json, sizeof json, "{\"ns\":[%lld]}", (long long)took);
    else snprintf(json, sizeof json, "{\"error\":\"it ended with status %d\"}", status);
    answer(json);
  }
}
