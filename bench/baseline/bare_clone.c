/* The least that a sandbox can cost: for each command, one clone3 whose child ends at once, and its reaping. {"ns": [n]}
 *   fork        no namespace
 *   namespaces  pid, mnt, ipc, uts, cgroup new; a network namespace made beforehand entered by setns
 *   network     the same with a new network namespace instead
 */
#include "helper.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int main(void) {
  const uint64_t five = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  must(home >= 0 && unshare(CLONE_NEWNET) == 0, "unshare");
  int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  must(network >= 0 && setns(home, CLONE_NEWNET) == 0, "setns");
  for (;;) {
    char *way = command();
    int enter = strcmp(way, "namespaces") == 0;
    struct clone_args a = {.exit_signal = SIGCHLD};
    if (enter) a.flags = five;
    if (strcmp(way, "network") == 0) a.flags = five | CLONE_NEWNET;
    int64_t from = now(CLOCK_MONOTONIC);
    long pid = syscall(SYS_clone3, &a, sizeof a);
    if (pid == 0) _exit(enter ? setns(network, CLONE_NEWNET) != 0 : 0);
    int status;
    must(pid > 0, "clone3");
    must(waitpid((pid_t)pid, &status, 0) == pid, "waitpid");
    int64_t took = now(CLOCK_MONOTONIC) - from;
    must(status == 0, "child");
    char json[100];
    snprintf(json, sizeof json, "{\"ns\":[%lld]}", (long long)took);
    answer(json);
  }
}
