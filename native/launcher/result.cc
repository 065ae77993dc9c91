#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "../core/raw.h"

namespace sock::program {

using raw::at;
using raw::call;

long remove_result(const char* path) noexcept {
  const long error = call(__NR_unlinkat, AT_FDCWD, at(path), 0);
  if (error == -EISDIR) (void)call(__NR_unlinkat, AT_FDCWD, at(path), AT_REMOVEDIR);  // one with files in it stays: it is no result
  return error >= 0 || error == -EISDIR || error == -ENOENT ? 0 : error;
}

// Neither a link to elsewhere nor a pipe that nobody writes to is followed or waited for.
int open_result(const char* path) noexcept {
  const long fd = call(__NR_openat, AT_FDCWD, at(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat file = {};
  if (call(__NR_fstat, fd, at(&file)) == 0 && S_ISREG(file.st_mode)) return static_cast<int>(fd);
  (void)call(__NR_close, fd);
  return -1;
}

}  // namespace sock::program
