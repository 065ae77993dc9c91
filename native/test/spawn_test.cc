// A process that is started by a plan: what it becomes, what it leaves as it was, and how a failing step is told.
#include "../core/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <filesystem>

#include "../core/plan.h"
#include "../core/words.h"
#include "harness.h"
#include "zygote_rig.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::Step;

// What a spawn could change in its parent, since the child shares its memory.
struct Self {
  std::vector<std::string> descriptors = test::descriptors();
  std::string mask = status_of(getpid(), "SigBlk"), ignored = status_of(getpid(), "SigIgn"), caught = status_of(getpid(), "SigCgt");
  std::string threads = status_of(getpid(), "Threads"), uid = status_of(getpid(), "Uid"), capabilities = status_of(getpid(), "CapEff");
  std::string seccomp = status_of(getpid(), "Seccomp"), no_new_privs = status_of(getpid(), "NoNewPrivs");
  std::string oom = read_text("/proc/self/oom_score_adj"), cwd = link_of(0, "cwd"), root = link_of(0, "root"),
              mounts = link_of(0, "ns/mnt"), user = link_of(0, "ns/user"), limits = read_text("/proc/self/limits"),
              host = read_text("/proc/sys/kernel/hostname");
  int dumpable = prctl(PR_GET_DUMPABLE);
  bool children = has_children();
  mode_t mask_of_modes = [] {
    const mode_t m = umask(0);
    (void)umask(m);
    return m;
  }();
};
void expect_unchanged(const Self& before) {
  const Self now;
  expect(now.descriptors == before.descriptors, "descriptors");
  expect_equal(now.mask, before.mask, "signal mask");
  expect_equal(now.ignored, before.ignored, "ignored signals");
  expect_equal(now.caught, before.caught, "caught signals");
  expect_equal(now.threads, before.threads, "threads");
  expect_equal(now.uid, before.uid, "uid");
  expect_equal(now.capabilities, before.capabilities, "capabilities");
  expect_equal(now.seccomp, before.seccomp, "seccomp");
  expect_equal(now.no_new_privs, before.no_new_privs, "no_new_privs");
  expect_equal(now.oom, before.oom, "oom_score_adj");
  expect_equal(now.cwd, before.cwd, "working directory");
  expect_equal(now.root, before.root, "root");
  expect_equal(now.mounts, before.mounts, "mount namespace");
  expect_equal(now.user, before.user, "user namespace");
  expect_equal(now.limits, before.limits, "limits");
  expect_equal(now.host, before.host, "host name");
  expect_equal(now.mask_of_modes, before.mask_of_modes, "umask");
  expect_equal(now.children, before.children, "children");
  expect_equal(now.dumpable, before.dumpable, "dumpable (core dumps of the worker)");
}

// Exit code 0 and no signal.
void expect_ends_well(Child child) {
  const Exit exit = reap(child.pidfd.get());
  expect(exit.code == 0 && exit.signal == 0, "exit code " + std::to_string(exit.code) + ", signal " + std::to_string(exit.signal));
}

TEST("spawn: the program runs as the plan says") {
  // What must not come along: a group of the worker's, a descriptor that some library has left without close-on-exec.
  need_root();
  const gid_t groups[] = {1, 2};
  sys("setgroups", "", [&] { return setgroups(2, groups); });
  const OwnFd open_at_exec(sys("open", "", [] { return open("/dev/null", O_RDONLY); }));
  Zygote zygote;  // which serves: only then has it certainly got all of its arguments
  const Ground& ground = *zygote.ground;
  const Child& child = zygote.child;
  const pid_t pid = child.pid;
  expect_equal(pid_of(child.pidfd.get()), pid, "the pidfd's process");
  const std::string all = std::to_string(kZygoteUid) + "\t" + std::to_string(kZygoteUid) + "\t" + std::to_string(kZygoteUid) + "\t" +
                          std::to_string(kZygoteUid);
  expect_equal(status_of(pid, "Uid"), all, "uid");
  expect_equal(status_of(pid, "Gid"), all, "gid");
  expect_equal(status_of(pid, "Groups"), std::string(), "groups");
  expect_equal(status_of(pid, "NoNewPrivs"), std::string("1"), "no_new_privs");
  expect_equal(status_of(pid, "Seccomp"), std::string("2"), "seccomp");
  expect_equal(status_of(pid, "Seccomp_filters"), std::string("1"), "filters");
  // It serves, so its bounding set is empty already.
  expect_equal(status_of(pid, "CapEff"), std::string("00000000002001c0"), "capabilities");
  expect_equal(status_of(pid, "CapPrm"), std::string("00000000002001c0"), "permitted capabilities");
  expect_equal(status_of(pid, "SigBlk"), std::string("0000000000000000"), "blocked signals");
  expect_equal(status_of(pid, "Umask"), std::string("0022"), "umask");
  expect_equal(status_of(pid, "NSsid"), std::to_string(pid), "a session of its own");
  for (const char* space : {"ns/user", "ns/mnt", "ns/net", "ns/ipc", "ns/uts"})
    expect(link_of(pid, space) != link_of(0, space), std::string("the host's ") + space);
  expect_equal(link_of(pid, "ns/pid"), link_of(0, "ns/pid"), "ns/pid, since an init cannot clone siblings");
  const auto open = descriptors(std::to_string(pid));
  expect_equal(open.size(), size_t{4}, "descriptors");
  for (int i = 0; i < 3; i++) expect_equal(open[static_cast<size_t>(i)], std::to_string(i) + " -> /dev/null", "standard descriptor");
  expect(open[3].starts_with("3 -> socket:"), open[3]);
  expect_equal(read_text("/proc/" + std::to_string(pid) + "/oom_score_adj"), std::string("500\n"), "oom_score_adj");
  const std::string limits = read_text("/proc/" + std::to_string(pid) + "/limits");
  expect(contains(limits, "Max open files            1024                 1024 "), limits);
  expect(contains(limits, "Max core file size        0                    0 "), limits);
  expect(contains(read_text("/proc/" + std::to_string(pid) + "/cgroup"), ground.self.substr(ground.self.rfind("/sock-core-test"))),
         "cgroup");
  expect_equal(read_text("/proc/" + std::to_string(pid) + "/cmdline"), std::string("/bare_zygote\0an argument\0", 25), "arguments");
  expect_equal(read_text("/proc/" + std::to_string(pid) + "/environ"), std::string("NAME=value\0", 11), "environment");
  expect_equal(link_of(pid, "cwd"), std::string("/"), "working directory");
  // Its mounts are those of the plan; nothing of the host's tree is left.
  std::istringstream lines(read_text("/proc/" + std::to_string(pid) + "/mountinfo"));
  std::vector<std::string> places;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, place;
    for (int i = 0; i < 5 && words >> word; i++) place = word;
    places.push_back(place);
  }
  expect(places == std::vector<std::string>{"/", "/dev", "/proc"}, std::to_string(places.size()) + " mounts");
  const OwnFd its_host_name(
      sys("open", "ns/uts", [&] { return ::open(("/proc/" + std::to_string(pid) + "/ns/uts").c_str(), O_RDONLY | O_CLOEXEC); }));
  expect_equal(in_fork([&] {
                 char name[65] = {};
                 return setns(its_host_name.get(), CLONE_NEWUTS) != 0 || gethostname(name, sizeof name) != 0 ||
                        strcmp(name, "sandbox") != 0;
               }),
               0, "host name");
  zygote.ground->hang_up();
  expect_equal(reap(child.pidfd.get()).code, 0, "exit code");
}

TEST("spawn: no user namespace can be made below the program's") {
  Zygote zygote;
  const OwnFd user(sys("open", "ns/user",
                       [&] { return ::open(("/proc/" + std::to_string(zygote.child.pid) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC); }));
  expect_equal(in_fork([&] { return setns(user.get(), CLONE_NEWUSER) == 0 && unshare(CLONE_NEWUSER) != 0 ? errno : 0; }), ENOSPC, "errno");
}

TEST("spawn: nothing of the parent changes") {
  Ground ground;
  ground.hang_up();
  const SpawnOptions options = ground.options();
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  sigprocmask(SIG_SETMASK, &some, nullptr);
  signal(SIGUSR2, [](int) {});
  signal(SIGPIPE, SIG_IGN);
  (void)umask(0137);
  const Self before;
  expect_ends_well(spawn(options));
  expect_unchanged(before);
}

TEST("spawn: two hundred leave no descriptor, child or memory behind") {
  Ground ground;
  ground.hang_up();
  expect_ends_well(spawn(ground.options()));  // what the first one allocates stays allocated
  const auto kilobytes = [] { return std::stoll(status_of(getpid(), "VmSize")); };
  const auto size = kilobytes();
  const Self before;
  for (int i = 0; i < 200; i++) expect_ends_well(spawn(ground.options()));
  expect_unchanged(before);
  expect(kilobytes() - size < 8 << 10, "memory is left: two hundred stacks have 12.5 MB");
}

TEST("spawn: a failing step is named, with its item and errno, and leaves nothing behind") {
  Ground ground;
  write_text(ground.root + "/no-program", "text");
  const struct {
    wire::SetupFailure failure;
    std::function<void(SpawnOptions&)> spoil;
  } table[] = {
      {{Step::kExec, 0, ENOENT}, [](SpawnOptions& o) { o.argv[0] = "/none/such"; }},
      {{Step::kExec, 0, EACCES}, [](SpawnOptions& o) { o.argv[0] = "/no-program"; }},
      {{Step::kExec, 0, EACCES}, [](SpawnOptions& o) { o.argv[0] = "/dev"; }},
      {{Step::kMoveMount, 2, ENOENT}, [](SpawnOptions& o) { o.mounts[2].target = "/none"; }},
      {{Step::kMoveMount, 1, ENOENT}, [](SpawnOptions& o) { o.mounts[1].target = "/none"; }},
      {{Step::kMoveMount, 1, EINVAL}, [&](SpawnOptions& o) { o.mounts[1].tree = ground.null.get(); }},
      {{Step::kMoveMount, 0, ENOENT}, [](SpawnOptions& o) { o.staging = "/none/such"; }},
      {{Step::kMoveMount, 0, EINVAL}, [&](SpawnOptions& o) { o.mounts[0].tree = ground.null.get(); }},
      {{Step::kEnterUser, 0, EINVAL}, [&](SpawnOptions& o) { o.user = ground.null.get(); }},
      {{Step::kLimits, 1, EINVAL}, [](SpawnOptions& o) { o.limits[1].first = 99; }},
      {{Step::kHostname, 0, EINVAL}, [](SpawnOptions& o) { o.hostname = std::string(65, 'x'); }},
  };
  (void)ground.options();
  const Self before;
  for (const auto& row : table) {
    SpawnOptions options = ground.options();
    row.spoil(options);
    const std::string wanted = describe(row.failure);
    const auto error = expect_throw(wanted, [&] { (void)spawn(options); });
    expect_equal(error.call, wanted, "the step");
    expect_equal(error.error, row.failure.error, wanted);
  }
  expect_unchanged(before);
}

TEST("spawn: a cgroup that is none, and descriptors that are none, are refused before anything runs") {
  Ground ground;
  SpawnOptions options = ground.options();
  const Self before;
  options.cgroup = ground.null.get();
  const auto error = expect_throw("cgroup", [&] { (void)spawn(options); });
  expect_equal(error.call, std::string("clone3"), "call");
  expect_equal(error.error, EBADF, "errno");
  for (const auto& spoil : std::vector<std::function<void(SpawnOptions&)>>{
           [](SpawnOptions& o) { o.user = -1; }, [](SpawnOptions& o) { o.control = 1 << 20; }, [](SpawnOptions& o) { o.stdio[1] = -1; },
           [](SpawnOptions& o) { o.mounts[1].tree = -1; }}) {
    options = ground.options();
    spoil(options);
    expect_equal(expect_throw("a descriptor", [&] { (void)spawn(options); }).error, EBADF, "errno");
  }
  expect_unchanged(before);
}

TEST("spawn: descriptors that stand where others go arrive all the same") {
  Ground ground;
  // control at 0 and stdin at 3: the places are taken by each other's sources.
  const int in = ground.null.get();
  sys("dup3", "", [&] { return dup3(ground.theirs.get(), 0, O_CLOEXEC); });
  const int other = in == 3 ? 3 : sys("dup3", "", [&] { return dup3(in, 3, O_CLOEXEC); });
  SpawnOptions options = ground.options();
  options.control = 0;
  options.stdio[0] = options.stdio[1] = options.stdio[2] = other;
  const Child child = spawn(options);
  const auto open = descriptors(std::to_string(child.pid));
  expect(open.size() == 4 && open[0] == "0 -> /dev/null" && open[3].starts_with("3 -> socket:"), open.empty() ? "none" : open[0]);
  (void)syscall(SYS_pidfd_send_signal, child.pidfd.get(), SIGKILL, nullptr, 0);
  expect_equal(reap(child.pidfd.get()).signal, SIGKILL, "signal");
}

TEST("spawn: descriptors arrive even when the low numbers are free") {
  Ground ground;
  SpawnOptions options = ground.options();
  options.mounts.resize(1);  // as few descriptors as can be: whatever takes the free numbers first is in the way
  for (int fd = 0; fd < 3; fd++) (void)close(fd);
  const Child child = spawn(options);
  const auto open = descriptors(std::to_string(child.pid));
  expect(open.size() == 4 && open[2] == "2 -> /dev/null" && open[3].starts_with("3 -> socket:"), open.empty() ? "none" : open.back());
  (void)syscall(SYS_pidfd_send_signal, child.pidfd.get(), SIGKILL, nullptr, 0);
  expect_equal(reap(child.pidfd.get()).signal, SIGKILL, "signal");
}

TEST("spawn: works from a process of 300 MB") {
  Ground ground;
  ground.hang_up();
  constexpr size_t size = 300u << 20;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expect(memory != MAP_FAILED, "memory");
  memset(memory, 1, size);
  for (int i = 0; i < 5; i++) expect_ends_well(spawn(ground.options()));
  (void)munmap(memory, size);
}

TEST("spawn: what is spawned dies with its parent") {
  Ground ground;
  int ends[2];
  sys("pipe2", "", [&] { return pipe2(ends, O_CLOEXEC); });
  OwnFd pidfd;
  const int code = in_fork([&] {
    const Child child = spawn(ground.options());
    (void)!write(ends[1], &child.pid, sizeof child.pid);
    char wait;  // the parent takes hold of the process before its own parent goes
    return read(ends[0], &wait, 0) < 0;
  });
  expect_equal(code, 0, "the spawning process");
  pid_t pid = 0;
  expect(read(ends[0], &pid, sizeof pid) == static_cast<ssize_t>(sizeof pid), "its pid");
  pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.open()) return;  // it is gone already
  expect(readable(pidfd.get(), 10'000), "it lives on");
}

}  // namespace
