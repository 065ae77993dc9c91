#include "json.h"

namespace sock::program {
namespace {

bool blank(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Behind the string that begins here.
const char* after_string(const char* p, const char* end) noexcept {
  for (p++; p < end && *p != '"'; p++)
    if (*p == '\\') p++;
  return p < end ? p + 1 : end;
}

// Behind the value that begins here: at the comma or the bracket that follows it.
const char* after_value(const char* p, const char* end) noexcept {
  for (int depth = 0; p < end;) {
    if (*p == '"') {
      p = after_string(p, end);
      continue;
    }
    if (*p == '{' || *p == '[') depth++;
    if ((*p == '}' || *p == ']' || *p == ',') && depth == 0) return p;
    if (*p == '}' || *p == ']') depth--;
    p++;
  }
  return end;
}

// Four hexadecimal digits; what is none counts as 0.
uint32_t four_digits(const char* p) noexcept {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    const char c = p[i], letter = static_cast<char>(c | 0x20);
    value = value * 16 + static_cast<uint32_t>(c >= '0' && c <= '9' ? c - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 0);
  }
  return value;
}

}  // namespace

bool Text::is(const char* word) const noexcept {
  const char* p = begin;
  while (p < end && *word && *p == *word) p++, word++;
  return p == end && *word == 0;
}

Members::Members(Text object) noexcept : at_(object.begin), end_(object.end), name_{}, value_{} {
  while (at_ < end_ && *at_ != '{') at_++;
}

bool Members::next() noexcept {
  if (at_ < end_) at_++;  // the brace or the comma
  while (at_ < end_ && *at_ != '"') at_++;
  if (at_ >= end_) return false;
  const char* behind = after_string(at_, end_);
  name_ = unquoted({at_, behind});
  while (behind < end_ && *behind != ':') behind++;
  if (behind < end_) behind++;
  while (behind < end_ && blank(*behind)) behind++;
  at_ = after_value(behind, end_);
  value_ = {behind, at_};
  while (value_.end > value_.begin && blank(value_.end[-1])) value_.end--;
  return true;
}

Text unquoted(Text value) noexcept {
  if (value.size() < 2 || *value.begin != '"' || value.end[-1] != '"') return {value.begin, value.begin};
  return {value.begin + 1, value.end - 1};
}

void Arena::put(char c) noexcept {
  if (at_ < end_)
    *at_++ = c;
  else
    full_ = true;
}

void Arena::put(const char* text) noexcept {
  while (*text) put(*text++);
}

void Arena::put(Text text) noexcept {
  for (const char* p = text.begin; p < text.end; p++) put(*p);
}

void Arena::put_decoded(Text inside) noexcept {
  for (const char* p = inside.begin; p < inside.end; p++) {
    if (*p != '\\' || p + 1 >= inside.end) {
      if (*p) put(*p);
      continue;
    }
    switch (*++p) {
      case 'n':
        put('\n');
        break;
      case 't':
        put('\t');
        break;
      case 'r':
        put('\r');
        break;
      case 'b':
        put('\b');
        break;
      case 'f':
        put('\f');
        break;
      case 'u': {
        if (inside.end - p < 5) return;
        uint32_t point = four_digits(p + 1);
        p += 4;
        const bool paired = point >= 0xd800 && point < 0xdc00 && inside.end - p >= 7 && p[1] == '\\' && p[2] == 'u';
        const uint32_t low = paired ? four_digits(p + 3) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
          point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
          p += 6;
        }
        put_code_point(point);
        break;
      }
      default:
        put(*p);
    }
  }
}

void Arena::put_code_point(uint32_t point) noexcept {
  if (point == 0) return;
  if (point >= 0xd800 && point < 0xe000) point = 0xfffd;  // half of a pair
  const auto tail = [&](int shift) { put(static_cast<char>(0x80 | ((point >> shift) & 0x3f))); };
  if (point < 0x80) return put(static_cast<char>(point));
  if (point < 0x800) return put(static_cast<char>(0xc0 | point >> 6)), tail(0);
  if (point < 0x10000) return put(static_cast<char>(0xe0 | point >> 12)), tail(6), tail(0);
  put(static_cast<char>(0xf0 | point >> 18)), tail(12), tail(6), tail(0);
}

void Arena::put_number(uint64_t number) noexcept {
  char digits[20];
  int count = 0;
  do digits[count++] = static_cast<char>('0' + number % 10);
  while (number /= 10);
  while (count > 0) put(digits[--count]);
}

}  // namespace sock::program
