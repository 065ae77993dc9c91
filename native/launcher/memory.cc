// What the compiler may call for copies, for programs without libc. (The guest library brings its own.)
extern "C" {

#if defined(__x86_64__)
// Fast since Ivy Bridge ("enhanced rep movsb"), and short.
void* memcpy(void* to, const void* from, unsigned long size) {
  void* start = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return start;
}
void* memset(void* to, int byte, unsigned long size) {
  void* start = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
  return start;
}
#else
// The empty asm keeps the compiler from making these loops a call of themselves.
void* memcpy(void* to, const void* from, unsigned long size) {
  auto* out = static_cast<char*>(to);
  const auto* in = static_cast<const char*>(from);
  for (; size >= sizeof(long); size -= sizeof(long), in += sizeof(long), out += sizeof(long)) {
    long word;
    __builtin_memcpy(&word, in, sizeof word);
    __builtin_memcpy(out, &word, sizeof word);
    __asm__ volatile("");
  }
  for (; size > 0; size--) {
    *out++ = *in++;
    __asm__ volatile("");
  }
  return to;
}
void* memset(void* to, int byte, unsigned long size) {
  for (auto* out = static_cast<char*>(to); size > 0; size--) {
    *out++ = static_cast<char>(byte);
    __asm__ volatile("");
  }
  return to;
}
#endif
}
