// Forks that a zygote cannot make, or that cannot finish, and many of them.
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <functional>

#include "../core/mounts.h"
#include "../core/words.h"
#include "harness.h"
#include "zygote_rig.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::Type;

TEST("zygote: a leaf that cannot finish says at which step, and ends with 1") {
  Zygote zygote;
  struct {
    wire::SetupFailure failure;
    std::function<void(LeafParts&)> spoil;
  } table[] = {
      {{wire::Step::kEnterNetwork, 0, EINVAL}, [&](LeafParts& p) { p.network = zygote.ground->null.get(); }},
      {{wire::Step::kMoveMount, 0, EINVAL}, [&](LeafParts& p) { p.scratch = zygote.ground->null.get(); }},
      {{wire::Step::kMoveMount, 1, EINVAL}, [&](LeafParts& p) { p.handler = zygote.ground->null.get(); }},
      {{wire::Step::kIds, 1, EINVAL}, [](LeafParts& p) { p.uid = 5; }},
  };
  uint32_t number = 0;
  for (const auto& row : table) {
    const Slot slot = zygote.slot(number++);
    LeafParts parts{.uid = slot.uid,
                    .standby = false,
                    .cgroup = slot.cgroup.get(),
                    .network = slot.network.get(),
                    .scratch = slot.scratch.get(),
                    .handler = -1,
                    .data_bytes = 0,
                    .processes = 0};
    row.spoil(parts);
    LeafEnds ends = request_fork(zygote.socket(), parts);
    Leaf leaf{std::move(ends), zygote.answer().pidfd, {}, {}};
    const std::string wanted = describe(row.failure);
    const auto said = leaf.next();
    expect(said && said->type == Type::kFailed, wanted);
    wire::SetupFailure failure;
    memcpy(&failure, said->payload.data(), sizeof failure);
    expect_equal(describe(failure), wanted, "the step");
    expect_equal(failure.error, row.failure.error, wanted);
    expect_exit(leaf.pidfd.get(), 1, 0);
  }
  const Slot slot = zygote.slot(number);
  Leaf leaf = zygote.fork(slot, false);
  expect_equal(leaf.echo(1, "goes on"), std::string("goes on"), "the zygote after them");
}

TEST("zygote: a fork that the kernel refuses is an answer") {
  Zygote zygote;
  const Slot slot = zygote.slot(0), forbidden = zygote.slot(1);
  sys("chown", "", [&] { return chown((forbidden.directory + "/cgroup.procs").c_str(), 0, 0); });
  const auto error_with = [&](int cgroup) {
    (void)request_fork(zygote.socket(), {.uid = slot.uid,
                                         .standby = true,
                                         .cgroup = cgroup,
                                         .network = slot.network.get(),
                                         .scratch = slot.scratch.get(),
                                         .handler = -1,
                                         .data_bytes = 0,
                                         .processes = 0});
    return zygote.answer().error;
  };
  expect_equal(error_with(zygote.ground->null.get()), EBADF, "no cgroup");
  expect_equal(error_with(forbidden.cgroup.get()), EACCES, "a cgroup that is not the zygote's");
  Leaf leaf = zygote.fork(slot, false);
  expect_equal(leaf.echo(1, "goes on"), std::string("goes on"), "the zygote after them");
}

TEST("zygote: a request that is none is an answer too, and its descriptors are closed") {
  Zygote zygote;
  const std::string pid = std::to_string(zygote.child.pid);
  const size_t before = descriptors(pid).size();
  wire::ForkRequest request{
      .version = wire::kVersion, .standby = 0, .has_handler = 0, .reserved = 0, .uid = kFirstInside, .data_bytes = 0, .processes = 0};
  const auto answer_to = [&](const void* bytes, size_t size) {
    sys("send", "", [&] { return send(zygote.socket(), bytes, size, 0); });
    return zygote.answer().error;
  };
  expect_equal(answer_to(&request, sizeof request), EPROTO, "without descriptors");
  expect_equal(answer_to("x", 1), EPROTO, "too short");
  for (size_t count = 1; count <= 20; count++) {
    send_with(zygote.socket(), std::string(reinterpret_cast<const char*>(&request), sizeof request),
              std::vector<int>(count, zygote.ground->null.get()));
    const int wanted = count == wire::kForkFds - 1 ? EBADF /* it is no cgroup */ : EPROTO;
    expect_equal(zygote.answer().error, wanted, std::to_string(count) + " descriptors");
  }
  request.version = 9;
  expect_equal(answer_to(&request, sizeof request), EPROTO, "another version");
  expect_equal(descriptors(pid).size(), before, "the zygote's descriptors");
}

TEST("zygote: two hundred leaves leave nothing in the worker, the zygote or the cgroups") {
  Zygote zygote;
  Slot slot = zygote.slot(0);
  const std::string pid = std::to_string(zygote.child.pid);
  std::vector<std::string> worker_before;
  const std::vector<std::string> zygote_before = descriptors(pid);
  for (int i = 0; i < 200; i++) {
    {
      slot.scratch = scratch({.bytes = 1 << 20, .inodes = 100, .uid = outside(slot.uid)});
      Leaf leaf = zygote.fork(slot, i % 2 == 0);
      if (i % 2 == 0) expect(leaf.next().has_value(), "ready");
      expect_equal(leaf.echo(1, "x"), std::string("x"), "the echo");
      if (i % 3 == 0) kill_now(leaf.pidfd.get());
      leaf.hang_up();
      expect(readable(leaf.pidfd.get(), 10'000), "its end");
      (void)reap(leaf.pidfd.get());
    }
    slot.scratch.reset();
    if (i == 0) worker_before = descriptors();
  }
  expect(descriptors() == worker_before, "the worker's descriptors");
  // It closes those of the last one after the answer.
  for (int looks = 0; looks < 10'000 && descriptors(pid) != zygote_before; looks++) (void)sched_yield();
  expect(descriptors(pid) == zygote_before, "the zygote's descriptors");
  expect_equal(read_text(slot.directory + "/cgroup.procs"), std::string(), "processes in the slot");
  expect_equal(read_text(zygote.ground->self + "/cgroup.procs"), pid + "\n", "processes of the zygote");
}

TEST("zygote: eight forks asked for at once are all answered, in their order") {
  Zygote zygote;
  std::vector<Slot> slots;
  std::vector<LeafEnds> ends;
  for (uint32_t i = 0; i < 8; i++) slots.push_back(zygote.slot(i));
  for (const Slot& slot : slots)
    ends.push_back(request_fork(zygote.socket(), {.uid = slot.uid,
                                                  .standby = false,
                                                  .cgroup = slot.cgroup.get(),
                                                  .network = slot.network.get(),
                                                  .scratch = slot.scratch.get(),
                                                  .handler = -1,
                                                  .data_bytes = 0,
                                                  .processes = 0}));
  for (size_t i = 0; i < 8; i++) {
    Leaf leaf{std::move(ends[i]), zygote.answer().pidfd, {}, {}};
    expect_equal(leaf.echo(1, std::to_string(i)), std::to_string(i), "the echo");
    expect(status_of(leaf.pid(), "Uid").starts_with(std::to_string(outside(slots[i].uid)) + "\t"), "the answers are in another order");
  }
}

}  // namespace
