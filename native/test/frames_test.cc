// The reader of a channel: what is a frame and what is not, however the bytes are cut.
#include "../core/frames.h"

#include <string.h>

#include <random>

#include "harness.h"

namespace {

using namespace sock;
using namespace sock::test;
using wire::FrameHeader;
using wire::Type;
using Bytes = std::vector<uint8_t>;

Bytes frame(FrameHeader head, size_t payload) {
  Bytes out(sizeof head + payload);
  memcpy(out.data(), &head, sizeof head);
  for (size_t i = 0; i < payload; i++) out[sizeof head + i] = static_cast<uint8_t>(i * 7 + head.request);
  return out;
}
Bytes frame(Type type, uint32_t length, uint32_t request = 1) { return frame({length, wire::kVersion, type, 0, request}, length); }

void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }

struct Seen {
  Type type;
  uint16_t flags;
  uint32_t request;
  Bytes payload;
  bool operator==(const Seen&) const = default;
};

// Collects what a reader makes of the bytes, given in parts of these sizes, the rest at once.
struct Reading {
  FrameReader reader;
  std::vector<Seen> seen;
  bool feed(std::span<const uint8_t> bytes) {
    // A copy of its own that ends with the call: a reader that kept a view of it would be found out by the sanitizer.
    const Bytes copy(bytes.begin(), bytes.end());
    return reader.feed(copy, [&](const Frame& f) {
      seen.push_back({f.type, f.flags, f.request, Bytes(f.payload.begin(), f.payload.end())});
      return true;
    });
  }
};

TEST("frames: which headers a leaf may send") {
  const uint8_t version = wire::kVersion;
  const uint32_t most = wire::kMaxPayload, timing = sizeof(wire::Timing), failure = sizeof(wire::SetupFailure);
  const struct {
    const char* what;
    FrameHeader head;
    bool good;
  } table[] = {
      {"ready", {0, version, Type::kReady, 0, 0}, true},
      {"ready with a payload", {1, version, Type::kReady, 0, 0}, false},
      {"failed", {failure, version, Type::kFailed, 0, 0}, true},
      {"failed, too short", {failure - 1, version, Type::kFailed, 0, 0}, false},
      {"failed, too long", {failure + 1, version, Type::kFailed, 0, 0}, false},
      {"failed, empty", {0, version, Type::kFailed, 0, 0}, false},
      {"end", {timing, version, Type::kEnd, 0, 9}, true},
      {"end, too short", {timing - 1, version, Type::kEnd, 0, 9}, false},
      {"end, empty", {0, version, Type::kEnd, 0, 9}, false},
      {"end with the rest of the body", {timing + 100, version, Type::kEnd, 0, 9}, true},
      {"end, at the limit", {most, version, Type::kEnd, 0, 9}, true},
      {"end, over the limit", {most + 1, version, Type::kEnd, 0, 9}, false},
      {"body of one byte", {1, version, Type::kBody, 0, 9}, true},
      {"empty body", {0, version, Type::kBody, 0, 9}, false},
      {"body of a window", {wire::kWindow, version, Type::kBody, 0, 9}, true},
      {"body of more than a window", {wire::kWindow + 1, version, Type::kBody, 0, 9}, false},
      {"body of 4 GiB", {0xffffffff, version, Type::kBody, 0, 9}, false},
      {"reply without a head", {timing, version, Type::kReply, 0, 9}, true},
      {"reply", {timing + 20, version, Type::kReply, 0, 0xffffffff}, true},
      {"reply without its timing", {timing - 1, version, Type::kReply, 0, 9}, false},
      {"reply at the limit", {most, version, Type::kReply, 0, 9}, true},
      {"reply over the limit", {most + 1, version, Type::kReply, 0, 9}, false},
      {"window", {4, version, Type::kWindow, 0, 9}, true},
      {"window, too short", {3, version, Type::kWindow, 0, 9}, false},
      {"window, too long", {5, version, Type::kWindow, 0, 9}, false},
      {"log line", {2, version, Type::kLog, 0, 9}, true},
      {"log line, empty", {1, version, Type::kLog, 0, 9}, true},
      {"log line without a level", {0, version, Type::kLog, 0, 9}, false},
      {"log line at the limit", {1 + wire::kMaxLog, version, Type::kLog, 0, 9}, true},
      {"log line over the limit", {2 + wire::kMaxLog, version, Type::kLog, 0, 9}, false},
      {"request, which only the worker sends", {4, version, Type::kRequest, 0, 9}, false},
      {"cancel, which only the worker sends", {0, version, Type::kCancel, 0, 9}, false},
      {"setup, which only the worker sends", {2, version, Type::kSetup, 0, 0}, false},
      {"version 0", {1, 0, Type::kBody, 0, 9}, false},
      {"version 1", {1, 1, Type::kBody, 0, 9}, false},
      {"version 3", {1, 3, Type::kBody, 0, 9}, false},
      {"end of a reply that is not complete", {timing, version, Type::kEnd, wire::kBroken, 9}, true},
      {"end of a reply that is not complete, with a body", {timing + 1, version, Type::kEnd, wire::kBroken, 9}, false},
      {"end that asks for no more heads", {timing, version, Type::kEnd, wire::kHeadless, 9}, true},
      {"end that asks for no more heads, with a body", {timing + 5, version, Type::kEnd, wire::kHeadless, 9}, true},
      {"end with both flags", {timing, version, Type::kEnd, wire::kBroken | wire::kHeadless, 9}, false},
      {"end with another flag", {timing, version, Type::kEnd, 4, 9}, false},
      {"a reply's beginning that asks for no more heads", {timing, version, Type::kReply, wire::kHeadless, 9}, false},
      {"a reply's beginning that is not complete", {timing, version, Type::kReply, wire::kBroken, 9}, false},
      {"a flag of the worker's", {1, version, Type::kBody, wire::kLast, 9}, false},
      {"type 0", {1, version, Type{0}, 0, 9}, false},
      {"type 11", {1, version, Type{11}, 0, 9}, false},
      {"type 255", {1, version, Type{255}, 0, 9}, false},
  };
  for (const auto& row : table) {
    Reading whole;
    expect_equal(whole.feed(frame(row.head, row.good ? row.head.length : 64)), row.good, row.what);
    expect_equal(whole.seen.size(), size_t{row.good}, std::string(row.what) + ": frames");
    if (row.good) expect_equal(whole.seen[0].flags, row.head.flags, std::string(row.what) + ": flags");
    // The header alone decides, so that nothing is stored of a frame that will be refused.
    Reading head;
    expect_equal(head.feed(frame(row.head, 0)), row.good, std::string(row.what) + ", its header");
  }
}

TEST("frames: bytes cut anywhere give the same frames") {
  Bytes stream;
  append(stream, frame(Type::kReady, 0, 0));
  append(stream, frame(Type::kReply, sizeof(wire::Timing) + 37));
  append(stream, frame(Type::kBody, 1));
  append(stream, frame(Type::kBody, 100));
  append(stream, frame(Type::kEnd, sizeof(wire::Timing) + 3));
  append(stream, frame(Type::kBody, 12, 2));
  Reading whole;
  expect(whole.feed(stream), "the whole stream");
  expect_equal(whole.seen.size(), size_t{6}, "frames");
  const Bytes hundred = frame(Type::kBody, 100);
  expect(whole.seen[3].payload == Bytes(hundred.begin() + sizeof(FrameHeader), hundred.end()), "the payload");

  Reading bytewise;
  for (const uint8_t& b : stream) expect(bytewise.feed({&b, 1}), "byte by byte");
  expect(bytewise.seen == whole.seen, "byte by byte gives other frames");
  for (size_t first = 0; first <= stream.size(); first++)
    for (size_t second = first; second <= stream.size(); second += 1 + second / 16) {
      Reading parts;
      const std::span<const uint8_t> all(stream);
      expect(parts.feed(all.first(first)) && parts.feed(all.subspan(first, second - first)) && parts.feed(all.subspan(second)), "in parts");
      expect(parts.seen == whole.seen, "cut at " + std::to_string(first) + " and " + std::to_string(second));
    }
}

TEST("frames: nothing that follows a bad frame is delivered, everything before it is") {
  Bytes stream = frame(Type::kBody, 5);
  append(stream, frame({1, 9, Type::kBody, 0, 1}, 1));
  append(stream, frame(Type::kBody, 6));
  for (size_t cut = 0; cut <= stream.size(); cut++) {
    Reading r;
    const std::span<const uint8_t> all(stream);
    const bool good = r.feed(all.first(cut)) && r.feed(all.subspan(cut));
    expect(!good, "it was not noticed");
    expect_equal(r.seen.size(), size_t{1}, "frames, cut at " + std::to_string(cut));
  }
}

TEST("frames: the callback stops the reading") {
  Bytes stream;
  for (int i = 0; i < 3; i++) append(stream, frame(Type::kBody, 10));
  FrameReader reader;
  int calls = 0;
  expect(reader.feed(stream, [&](const Frame&) { return ++calls < 2; }), "stopped is not bad");
  expect_equal(calls, 2, "calls");
}

TEST("frames: frames at the limit, one behind the other, in the parts in which a socket delivers") {
  Bytes stream;
  for (uint32_t i = 0; i < 3; i++) append(stream, frame(Type::kReply, wire::kMaxPayload, i));
  Reading r;
  const std::span<const uint8_t> all(stream);
  for (size_t at = 0; at < stream.size(); at += 65'521)
    expect(r.feed(all.subspan(at, std::min<size_t>(65'521, stream.size() - at))), "part");
  expect_equal(r.seen.size(), size_t{3}, "frames");
  for (uint32_t i = 0; i < 3; i++) {
    const Bytes sent = frame(Type::kReply, wire::kMaxPayload, i);
    expect(r.seen[i].request == i && std::equal(sent.begin() + 12, sent.end(), r.seen[i].payload.begin()), "frame " + std::to_string(i));
  }
}

TEST("frames: no bytes at all crash it") {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; round++) {
    Bytes noise(random() % 64);
    for (auto& b : noise) b = static_cast<uint8_t>(random() % (random() % 2 ? 8 : 256));
    Reading r;
    for (size_t at = 0; at < noise.size();) {
      const size_t size = std::min<size_t>(1 + random() % 20, noise.size() - at);
      if (!r.feed({noise.data() + at, size})) break;
      at += size;
    }
  }
}

}  // namespace
