// What travels between the worker and its sandboxes: included by both ends, so nothing here may need libc or C++'s library.
// Frames go over one stream socket an instance, fork requests over one seqpacket socket a zygote. All integers are little-endian (host order).
#pragma once

#include <stdint.h>

namespace sock::wire {

inline constexpr uint8_t kVersion = 2;

// ---- the channel: worker <-> leaf ------------------------------------------------------------------------------------------------
//
// Requests are numbered by the worker; up to the lambda's `concurrency` of them are under way at a time. A small request is one frame, a small
// reply is one frame. Bodies stream both ways, each under a window of its own: who sends a body may be kWindow bytes of it ahead of what the other
// end has said to have used up (Type::kWindow). So one slow reader holds up neither the channel nor another request, and neither end has to keep
// more than a window of any body.
//
// A request ends with the leaf's kEnd (or its death), also one whose reply has begun or that was cancelled; its number is not used again.
// What the worker sends of a body after that is dropped.

enum class Type : uint8_t {
  kReady = 1,    // leaf: rehearsed and sealed, waiting for a lambda; with the number of its first request: the handler is loaded, and takes bodies as they
                 //   come, not whole. No payload
  kFailed = 2,   // leaf: could not finish its sandbox; payload SetupFailure
  kRequest = 3,  // worker: a request begins; payload uint16 length of the head, head (JSON, below), the body's first bytes
  kBody = 4,     // both: more bytes of the body
  kEnd = 5,      // leaf: the reply is complete; payload Timing, the body's last bytes
  kReply = 6,    // leaf: the reply begins; payload Timing (so far), JSON {"status", "reason", "headers": [[name, value]], "error": code}, each
                 //   of them optional; a reply without this frame has status 200 and is application/json
  kCancel = 7,   // worker: nobody waits for the request any more; SIGURG comes with it. No payload. kEnd is due as soon as may be
  kWindow = 8,   // both: payload uint32, that many bytes of the other end's body have been used up
  kLog = 9,      // leaf: a line of the lambda's log that belongs to this request; payload uint8 level (1 error, 2 warning, 3 info, 4 debug), UTF-8
  kSetup = 10,   // worker: before the first request of a lambda that has anything to set; request 0, payload JSON
                 //   {"environment": {name: value}, "entry": {"file", "wsgi", "asgi"}, "concurrency": number}, each of them optional
};

/// In FrameHeader::flags of the frame that holds the last of a request's body.
inline constexpr uint16_t kLast = 1;
/// In FrameHeader::flags of a kRequest frame: load the handler and answer with an empty kEnd; nothing is called.
inline constexpr uint16_t kLoadOnly = 2;
/// In FrameHeader::flags of a kEnd: the reply ends here, but is not complete. No body comes with it.
inline constexpr uint16_t kBroken = 1;
/// In FrameHeader::flags of a kEnd: the handler has no use for the heads of requests, so that those to come may have an empty one.
inline constexpr uint16_t kHeadless = 2;

// The head of a request: {"id": string, "method": string, "root": "/run/<name>" or "/runLambda/<name>", "path": what follows it as sent (percent-encoded, '' or
// from '/' on), "query": as sent, without '?', "headers": [[lower-case name, value] …], "client": address, "deadline": milliseconds of CLOCK_MONOTONIC}.
// All but the id are optional; empty after a kHeadless.

struct FrameHeader {
  uint32_t length;  // of the payload, bytes, <= kMaxPayload
  uint8_t version;
  Type type;
  uint16_t flags;    // from the leaf: 0, but of a kEnd
  uint32_t request;  // counts the requests of this channel from 1 on; 0: the channel itself
};
static_assert(sizeof(FrameHeader) == 12);
inline constexpr uint32_t kMaxPayload = 1 << 20;
inline constexpr uint32_t kWindow = 1 << 18;
inline constexpr uint32_t kMaxLog = 16 * 1024;  // bytes of a line

/// When the leaf did what, in nanoseconds of CLOCK_MONOTONIC; 0 where it did not happen for this request.
struct Timing {
  uint64_t born;      // the clone returned in the child
  uint64_t sealed;    // isolation finished, no privilege left
  uint64_t received;  // the request frame was read
  uint64_t loaded;    // the handler was imported
  uint64_t handled;   // the handler returned
};
static_assert(sizeof(Timing) == 40);

// ---- the fork socket: worker -> zygote -> worker ---------------------------------------------------------------------------------

enum ForkFd { kChannel, kStdout, kStderr, kCgroup, kNetwork, kScratch, kHandler, kForkFds };

struct ForkRequest {
  uint8_t version;
  uint8_t standby;      // 1: rehearse, say kReady, wait
  uint8_t has_handler;  // 1: kHandler is attached, else one descriptor less
  uint8_t reserved;
  uint32_t uid;         // and gid, as the zygote's user namespace numbers them
  uint64_t data_bytes;  // RLIMIT_DATA, 0: none
  uint64_t processes;   // RLIMIT_NPROC, 0: none
};
static_assert(sizeof(ForkRequest) == 24);

struct ForkReply {
  uint8_t version;
  uint8_t reserved[3];
  int32_t error;  // errno of the clone, 0: the leaf's pidfd is attached
};
static_assert(sizeof(ForkReply) == 8);

/// Said once by the zygote when it serves.
inline constexpr char kServing = 'S';

// ---- failures in the child -------------------------------------------------------------------------------------------------------

/// The steps in which a leaf (or a spawned process) finishes its own sandbox, in order.
enum class Step : uint32_t {
  kEnterUser = 1, kUnshare, kEnterNetwork, kPrivateMounts, kMoveMount, kMountProc, kMask, kChroot, kPivot, kDetachOld, kDescriptors, kLimits, kSession,
  kIds, kCapabilities, kKeyring, kNoNewPrivs, kSeccomp, kHostname, kWriteFile, kExec,
};

struct SetupFailure {
  Step step;
  uint32_t index;  // which of the step's items
  int32_t error;   // errno
};
static_assert(sizeof(SetupFailure) == 12);

// ---- paths that both ends know, relative to the sandbox's root -------------------------------------------------------------------

/// Masked by an empty file, where a host has them and they are not the host root's alone to read: that no leaf is.
inline constexpr const char* kMaskedProc[] = {"/proc/kcore", "/proc/keys",          "/proc/timer_list",
                                               "/proc/interrupts", "/proc/latency_stats", "/proc/sched_debug"};

}  // namespace sock::wire
