#include "message.h"

#include <errno.h>

namespace sock::program {
namespace {

const char* reason(long error) noexcept {
  switch (-error) {
    case ENOENT:
      return "there is no such file (of a script: or not the interpreter that it names)";
    case EACCES:
      return "permission denied (is it executable? chmod +x before packing it)";
    case EISDIR:
      return "it is no regular file";
    case ENOEXEC:
      return "it is no program of this machine (built for another, or a script without #!)";
    case E2BIG:
      return "the environment is too large";
    case EAGAIN:
      return "too many processes";
    case ENOMEM:
      return "out of memory";
    default:
      return nullptr;
  }
}

}  // namespace

void Message::put_reason(long error) noexcept {
  if (const char* why = reason(error)) return put(why);
  put("errno ");
  put_number(static_cast<uint64_t>(-error));
}

}  // namespace sock::program
