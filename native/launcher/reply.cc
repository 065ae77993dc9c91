#include "reply.h"

namespace sock::program {
namespace {

struct Timed {
  wire::FrameHeader header;
  wire::Timing timing;
} __attribute__((packed));

template <unsigned long N>
constexpr unsigned long length_of(const char (&)[N]) {
  return N - 1;
}

constexpr char kText[] = R"({"status":200,"headers":[["content-type","text/plain; charset=utf-8"]]})";
constexpr char kBytes[] = R"({"status":200,"headers":[["content-type","application/octet-stream"]]})";
constexpr char kRaised[] = R"({"status":500,"error":"handler-raised"})";

// As OpenLambda's worker tells them apart for a program that says no type (net/http: Go's sniffing of its first bytes), but for the types
// that it goes on to guess.
bool is_text(const uint8_t* body, unsigned long size) noexcept {
  for (unsigned long i = 0; i < size && i < 512; i++) {
    const uint8_t c = body[i];
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' && c != 0x1b) return false;
  }
  return true;
}

iovec head_for(const uint8_t* body, unsigned long size) noexcept {
  return is_text(body, size) ? iovec{const_cast<char*>(kText), length_of(kText)} : iovec{const_cast<char*>(kBytes), length_of(kBytes)};
}

}  // namespace

void Reply::whole(const uint8_t* body, unsigned long size) noexcept {
  const iovec head = head_for(body, size);
  const Timed reply = {header(sizeof timing_ + head.iov_len, wire::Type::kReply, request_), timing_};
  const Timed end = {header(sizeof timing_ + size, wire::Type::kEnd, request_), timing_};
  iovec parts[] = {part(reply), head, part(end), {const_cast<uint8_t*>(body), size}};
  write_channel(parts, 4);
}

void Reply::begin(const uint8_t* body, unsigned long size) noexcept {
  begun_ = true;
  const iovec head = head_for(body, size);
  const Timed reply = {header(sizeof timing_ + head.iov_len, wire::Type::kReply, request_), timing_};
  iovec parts[] = {part(reply), head};
  write_channel(parts, 2);
  more(body, size);
}

void Reply::more(const uint8_t* body, unsigned long size) noexcept {
  credit_ -= size;
  const auto frame = header(size, wire::Type::kBody, request_);
  iovec parts[] = {part(frame), {const_cast<uint8_t*>(body), size}};
  write_channel(parts, 2);
}

void Reply::end() noexcept {
  const Timed end = {header(sizeof timing_, wire::Type::kEnd, request_), timing_};
  write_channel(&end, sizeof end);
}

void Reply::broken() noexcept {
  Timed end = {header(sizeof timing_, wire::Type::kEnd, request_), timing_};
  end.header.flags = wire::kBroken;
  write_channel(&end, sizeof end);
}

void Reply::raised(const char* text, unsigned long size, const char* more, unsigned long more_size) noexcept {
  const Timed reply = {header(sizeof timing_ + length_of(kRaised), wire::Type::kReply, request_), timing_};
  const Timed end = {header(sizeof timing_ + size + (more_size > 0 ? 1 + more_size : 0), wire::Type::kEnd, request_), timing_};
  iovec parts[] = {part(reply),
                   {const_cast<char*>(kRaised), length_of(kRaised)},
                   part(end),
                   {const_cast<char*>(text), size},
                   {const_cast<char*>("\n"), more_size > 0 ? 1ul : 0ul},
                   {const_cast<char*>(more), more_size}};
  write_channel(parts, 6);
}

}  // namespace sock::program
