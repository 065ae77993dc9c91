#include "frames.h"

namespace sock {

bool FrameReader::valid(const wire::FrameHeader& head) {
  if (head.version != wire::kVersion || head.length > wire::kMaxPayload) return false;
  const bool broken = head.type == wire::Type::kEnd && head.flags == wire::kBroken && head.length == sizeof(wire::Timing);
  const bool headless = head.type == wire::Type::kEnd && head.flags == wire::kHeadless;
  if (head.flags != 0 && !broken && !headless) return false;
  switch (head.type) {
    case wire::Type::kReady:
      return head.length == 0;
    case wire::Type::kFailed:
      return head.length == sizeof(wire::SetupFailure);
    case wire::Type::kEnd:
    case wire::Type::kReply:
      return head.length >= sizeof(wire::Timing);
    case wire::Type::kBody:
      return head.length > 0 && head.length <= wire::kWindow;
    case wire::Type::kWindow:
      return head.length == sizeof(uint32_t);
    case wire::Type::kLog:
      return head.length > 0 && head.length <= 1 + wire::kMaxLog;
    case wire::Type::kRequest:  // these only the worker sends
    case wire::Type::kCancel:
    case wire::Type::kSetup:
      return false;
  }
  return false;
}

}  // namespace sock
