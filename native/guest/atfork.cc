// Libraries register fork handlers with libc, which a raw clone3 skips; skipped, OpenBLAS's threads hang the child at its first product.
// Preloaded, this library sees each registration first, keeps it, and passes it on.
#include "atfork.h"

namespace {

using Handler = void (*)(void);
struct Entry {
  Handler prepare, parent, child;
};
constexpr int kMost = 256;
Entry entries[kMost];
int count = 0;
bool lost = false;

void keep(Handler prepare, Handler parent, Handler child) noexcept {
  if (count == kMost) {
    lost = true;
    return;
  }
  entries[count++] = {prepare, parent, child};
}

}  // namespace

namespace sock::guest {

bool atfork_complete() noexcept { return !lost; }
void atfork_prepare() noexcept {
  for (int i = count; i-- > 0;)
    if (entries[i].prepare) entries[i].prepare();
}
void atfork_parent() noexcept {
  for (int i = 0; i < count; i++)
    if (entries[i].parent) entries[i].parent();
}
void atfork_child() noexcept {
  for (int i = 0; i < count; i++)
    if (entries[i].child) entries[i].child();
}

}  // namespace sock::guest

extern "C" {
__attribute__((weak)) void* dlsym(void* handle, const char* name);

// glibc: what pthread_atfork calls.
__attribute__((visibility("default"))) int __register_atfork(Handler prepare, Handler parent, Handler child, void* object) {
  keep(prepare, parent, child);
  using Register = int (*)(Handler, Handler, Handler, void*);
  const auto next = dlsym ? reinterpret_cast<Register>(dlsym(reinterpret_cast<void*>(-1) /* RTLD_NEXT */, "__register_atfork")) : nullptr;
  return next ? next(prepare, parent, child, object) : 0;
}

// musl.
__attribute__((visibility("default"))) int pthread_atfork(Handler prepare, Handler parent, Handler child) {
  keep(prepare, parent, child);
  using Register = int (*)(Handler, Handler, Handler);
  const auto next = dlsym ? reinterpret_cast<Register>(dlsym(reinterpret_cast<void*>(-1), "pthread_atfork")) : nullptr;
  return next ? next(prepare, parent, child) : 0;
}
}
