// Detached mounts: what they hold, what they forbid, and that nobody else sees them.
#include "../core/mounts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <sstream>

#include "../core/namespaces.h"
#include "harness.h"
#include "rig.h"

namespace {

using namespace sock;
using namespace sock::test;

// The test's own mount namespace, in which it may mount what it likes.
void own_mounts() {
  need_root();
  sys("unshare", "mounts", [] { return unshare(CLONE_NEWNS); });
  sys("mount", "/", [] { return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr); });
}
void mount_tmpfs(const std::string& at) {
  sys("mount", at, [&] { return mount("tmpfs", at.c_str(), "tmpfs", 0, nullptr); });
}
// Puts a detached mount where it can be seen.
void attach(const OwnFd& tree, const std::string& at) {
  sys("move_mount", at, [&] { return syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, at.c_str(), MOVE_MOUNT_F_EMPTY_PATH); });
}
// The line of /proc/self/mountinfo for what is mounted at a place.
std::string mountinfo(const std::string& at) {
  std::istringstream lines(read_text("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);)
    if (contains(line, " " + at + " ")) return line;
  fail("nothing is mounted at " + at);
}

constexpr unsigned long kRestricted = ST_RDONLY | ST_NOSUID | ST_NODEV;
unsigned long flags_of(const OwnFd& directory) {
  struct statvfs fs {};
  sys("fstatvfs", "", [&] { return fstatvfs(directory.get(), &fs); });
  return fs.f_flag;
}
void expect_error(int error, const std::string& what, const std::function<void()>& attempt) {
  expect_equal(expect_throw(what, attempt).error, error, what);
}

struct stat stat_at(const OwnFd& directory, const std::string& path) {
  struct stat s {};
  sys("fstatat", path, [&] { return fstatat(directory.get(), path.c_str(), &s, AT_SYMLINK_NOFOLLOW); });
  return s;
}

TEST("mounts: a bound tree is read-only, nosuid and nodev, with all that is mounted below it") {
  own_mounts();
  const TempDir host;
  mount_tmpfs(host.path());
  const std::string below = host.make("below");
  mount_tmpfs(below);
  write_text(host.path() + "/file", "above");
  write_text(below + "/file", "below");
  sys("mknod", "", [&] { return mknod((below + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3)); });
  const OwnFd tree = bind_tree(host.path());
  for (const char* part : {".", "below"}) {
    const OwnFd directory = open_at(tree.get(), part, O_RDONLY | O_DIRECTORY);
    expect_equal(flags_of(directory) & kRestricted, kRestricted, part);
    (void)open_at(directory.get(), "file", O_RDONLY);
    expect_error(EROFS, "writing", [&] { (void)open_at(directory.get(), "file", O_WRONLY); });
    expect_error(EROFS, "making", [&] { (void)open_at(directory.get(), "new", O_WRONLY | O_CREAT, 0600); });
  }
  expect_error(EACCES, "a device", [&] { (void)open_at(tree.get(), "below/null", O_RDONLY); });
  write_text(host.path() + "/file", "ABOVE");  // the host's own mount is as it was
  (void)open_at(AT_FDCWD, below + "/null", O_RDONLY);
}

TEST("mounts: a bound directory is restricted likewise, and leaves out what is mounted below it") {
  own_mounts();
  const TempDir host;
  mount_tmpfs(host.path());
  const std::string below = host.make("below");
  write_text(below + "/covered", "");
  mount_tmpfs(below);
  const OwnFd tree = bind_directory(host.path());
  expect_equal(flags_of(tree) & kRestricted, kRestricted, "flags");
  (void)open_at(tree.get(), "below/covered", O_RDONLY);
  expect_error(EROFS, "making", [&] { (void)open_at(tree.get(), "new", O_WRONLY | O_CREAT, 0600); });
}

TEST("mounts: what is mounted on the host later does not come into a bound tree, nor the reverse") {
  own_mounts();
  const TempDir host, sandbox;
  mount_tmpfs(host.path());
  sys("mount", "shared", [&] { return mount(nullptr, host.path().c_str(), nullptr, MS_SHARED, nullptr); });
  const std::string later = host.make("later");
  const OwnFd tree = bind_tree(host.path()), directory = bind_directory(host.path());
  const std::string first = sandbox.make("tree"), second = sandbox.make("directory");
  attach(tree, first);
  attach(directory, second);
  mount_tmpfs(later);
  write_text(later + "/file", "");
  for (const auto& at : {first, second}) {
    expect(!contains(mountinfo(at), "shared:") && !contains(mountinfo(at), "master:"), mountinfo(at));
    expect(access((at + "/later/file").c_str(), F_OK) != 0, "it came in");
  }
}

TEST("mounts: the empty /proc is whole, shows no process, and can be written nowhere") {
  own_mounts();
  const OwnFd proc = empty_proc();
  const OwnFd listing = open_at(proc.get(), ".", O_RDONLY | O_DIRECTORY);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd/" + std::to_string(listing.get()))) {
    const std::string name = entry.path().filename();
    expect(name.find_first_not_of("0123456789") != std::string::npos, "it shows process " + name);
  }
  expect_error(ENOENT, "this process", [&] { (void)open_at(proc.get(), "self/status", O_RDONLY); });
  (void)open_at(proc.get(), "version", O_RDONLY);
  expect_error(EROFS, "writing", [&] { (void)open_at(proc.get(), "sys/kernel/hostname", O_WRONLY); });
  expect_equal(flags_of(proc) & (kRestricted | ST_NOEXEC), kRestricted | ST_NOEXEC, "flags");
  const TempDir place;
  attach(proc, place.path());
  expect(!contains(mountinfo(place.path()), "shared:"), mountinfo(place.path()));
}

TEST("mounts: a scratch is as big as it may be and no bigger") {
  need_root();
  const OwnFd fs = scratch({.bytes = 1 << 20, .inodes = 100, .uid = 1234});
  const OwnFd file = open_at(fs.get(), "tmp/big", O_WRONLY | O_CREAT, 0600);
  const std::vector<char> block(4096);
  size_t written = 0;
  for (ssize_t size; (size = write(file.get(), block.data(), block.size())) > 0;) written += static_cast<size_t>(size);
  expect_equal(errno, ENOSPC, "errno");
  expect(written > (1 << 20) * 3 / 4 && written <= 1 << 20, "it took " + std::to_string(written));
  sys("ftruncate", "", [&] { return ftruncate(file.get(), 0); });
  int made = 0;
  for (; made < 200; made++)
    if (mkdirat(fs.get(), ("tmp/d" + std::to_string(made)).c_str(), 0700) != 0) break;
  expect_equal(errno, ENOSPC, "errno of the inodes");
  expect(made > 50 && made <= 100, "it had room for " + std::to_string(made));
}

TEST("mounts: modes and owners of a scratch, whatever the umask") {
  need_root();
  (void)umask(077);
  const OwnFd fs = scratch({.bytes = 1 << 20, .inodes = 100, .uid = 1234});
  const struct {
    const char* name;
    mode_t mode;
    uid_t owner;
  } table[] = {{".", 0755, 0}, {"tmp", 01777, 0}, {"shm", 01777, 0}, {"host", 0700, 1234}};
  for (const auto& row : table) {
    const auto s = stat_at(fs, row.name);
    expect_equal(s.st_mode, S_IFDIR | row.mode, std::string(row.name) + ": mode");
    expect_equal(s.st_uid, row.owner, std::string(row.name) + ": owner");
    expect_equal(s.st_gid, row.owner, std::string(row.name) + ": group");
  }
  expect_equal(flags_of(fs) & (kRestricted | ST_NOEXEC), static_cast<unsigned long>(ST_NOSUID | ST_NODEV), "flags");
  const OwnFd other = scratch({.bytes = 1 << 20, .inodes = 100, .uid = 1234});
  (void)open_at(fs.get(), "tmp/mine", O_WRONLY | O_CREAT, 0600);
  expect_error(ENOENT, "another scratch", [&] { (void)open_at(other.get(), "tmp/mine", O_RDONLY); });
}

TEST("mounts: the devices work, and nothing can be added to them") {
  need_root();
  (void)umask(077);
  const OwnFd dev = devices();
  char bytes[64] = "not zero";
  expect(read(open_at(dev.get(), "zero", O_RDONLY).get(), bytes, 8) == 8 && std::string(bytes, 8) == std::string(8, '\0'), "zero");
  expect_equal(write(open_at(dev.get(), "null", O_WRONLY).get(), bytes, 8), ssize_t{8}, "null takes");
  expect_equal(read(open_at(dev.get(), "null", O_RDONLY).get(), bytes, 8), ssize_t{0}, "null gives nothing");
  expect(write(open_at(dev.get(), "full", O_WRONLY).get(), bytes, 8) == -1 && errno == ENOSPC, "full");
  for (const char* name : {"random", "urandom"}) {
    expect_equal(read(open_at(dev.get(), name, O_RDONLY | O_NONBLOCK).get(), bytes, sizeof bytes), static_cast<ssize_t>(sizeof bytes),
                 name);
    expect(std::string(bytes, sizeof bytes) != std::string(sizeof bytes, '\0'), name);
  }
  for (const char* name : {"null", "zero", "full", "random", "urandom"}) {
    const auto s = stat_at(dev, name), host = stat_at(OwnFd(open("/dev", O_PATH | O_CLOEXEC)), name);
    expect_equal(s.st_mode, mode_t{S_IFCHR | 0666}, std::string(name) + ": mode");
    expect_equal(s.st_rdev, host.st_rdev, std::string(name) + ": number");
  }
  char target[64] = {};
  sys("readlinkat", "shm", [&] { return readlinkat(dev.get(), "shm", target, sizeof target - 1); });
  expect_equal(std::string(target), std::string("/private/shm"), "shm");
  expect_equal(flags_of(dev) & (kRestricted | ST_NOEXEC), static_cast<unsigned long>(ST_RDONLY | ST_NOSUID | ST_NOEXEC), "flags");
  expect(mknodat(dev.get(), "mem", S_IFCHR | 0600, makedev(1, 1)) == -1 && errno == EROFS, "a new node");
  expect(unlinkat(dev.get(), "null", 0) == -1 && errno == EROFS, "removing one");
}

TEST("mounts: none of them shows on the host, all go with their descriptors") {
  need_root();
  const TempDir directory;
  const std::string before = read_text("/proc/self/mountinfo");
  const auto open_before = descriptors();
  {
    const OwnFd all[] = {bind_tree("/usr"), bind_directory(directory.path()), empty_proc(), devices(),
                         scratch({.bytes = 4096, .inodes = 10, .uid = 1})};
    expect_equal(read_text("/proc/self/mountinfo"), before, "mounts while they are there");
    for (const auto& fd : all) expect(fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, "close-on-exec");
  }
  expect(descriptors() == open_before, "descriptors are left");
}

TEST("mounts: what cannot be bound is named") {
  need_root();
  const auto open_before = descriptors();
  for (const auto bind : {bind_tree, bind_directory}) {
    const auto error = expect_throw("bind", [&] { (void)bind("/none/such"); });
    expect_equal(error.error, ENOENT, "errno");
    expect(contains(error.what(), "/none/such"), error.what());
  }
  expect_error(EINVAL, "a size that is none", [] { (void)scratch({.bytes = ~0ull, .inodes = ~0ull, .uid = 1}); });
  expect(descriptors() == open_before, "descriptors are left");
}

}  // namespace
