#include "zygote.h"

#include <errno.h>

#include "program.h"

namespace sock::program {

GuestRole serve_forks() noexcept {
  // Where a libc would keep its thread's id: the guest finds it by PR_GET_TID_ADDRESS, and never looks for a thread's control block, which
  // there is none of.
  static int32_t thread_id;
  thread_id = static_cast<int32_t>(raw::call(__NR_set_tid_address, raw::at(&thread_id)));
  const GuestHooks none = {nullptr, nullptr, nullptr};
  const int role = guest_serve(&none);
  if (role < 0) leave(role == -ESHUTDOWN ? 0 : 1);
  return static_cast<GuestRole>(role);
}

}  // namespace sock::program
