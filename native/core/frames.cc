#include "frames.h"

namespace sock {

bool FrameReader::valid(const wire::FrameHeader& head) {
  if (head.version != wire::kVersion || head.flags != 0 || head.length > wire::kMaxPayload) return false;
  switch (head.type) {
    case wire::Type::kReady:
      return head.length == 0;
    case wire::Type::kFailed:
      return head.length == sizeof(wire::SetupFailure);
    case wire::Type::kEnd:
      return head.length >= sizeof(wire::Timing);
    case wire::Type::kReply:
    case wire::Type::kBody:
      return true;
    case wire::Type::kRequest:  // only the worker sends it
      return false;
  }
  return false;
}

}  // namespace sock
