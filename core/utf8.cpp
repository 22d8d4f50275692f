#include "core/utf8.h"

#include "core/error.h"

namespace longshot {
namespace {

struct LeadByte {
  int length = 0;                           ///< 0: no code point starts with this byte
  uint8_t second_low = 0, second_high = 0;  ///< allowed range of the second byte
};

LeadByte Classify(uint8_t lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

// Bytes of `text` that agree with the form its first byte announces; at most that form's length.
int MatchingBytes(std::string_view text, const LeadByte& lead) {
  int n = 1;
  for (; n < lead.length && n < static_cast<int>(text.size()); ++n) {
    const auto byte = static_cast<uint8_t>(text[n]);
    const uint8_t low = n == 1 ? lead.second_low : 0x80, high = n == 1 ? lead.second_high : 0xBF;
    if (byte < low || byte > high) break;
  }
  return n;
}

}  // namespace

int CodePointLength(std::string_view text) {
  if (text.empty()) return 0;
  const LeadByte lead = Classify(static_cast<uint8_t>(text[0]));
  return lead.length > 0 && MatchingBytes(text, lead) == lead.length ? lead.length : 0;
}

bool IsUnfinishedCodePoint(std::string_view text) {
  if (text.empty()) return false;
  const LeadByte lead = Classify(static_cast<uint8_t>(text[0]));
  const int size = static_cast<int>(text.size());
  return size < lead.length && MatchingBytes(text, lead) == size;
}

uint32_t DecodeCodePoint(std::string_view text) {
  const int length = CodePointLength(text);
  CHECK(length > 0);
  if (length == 1) return static_cast<uint8_t>(text[0]);
  uint32_t value = static_cast<uint8_t>(text[0]) & (0x7F >> length);
  for (int i = 1; i < length; ++i) value = value << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
  return value;
}

void AppendCodePoint(uint32_t code_point, std::string& out) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xC0 | code_point >> 6);
    out += tail(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xE0 | code_point >> 12);
    out += tail(6);
    out += tail(0);
  } else {
    out += static_cast<char>(0xF0 | code_point >> 18);
    out += tail(12);
    out += tail(6);
    out += tail(0);
  }
}

size_t ValidPrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const int length = CodePointLength(text.substr(at, 4));
    if (length == 0) break;
    at += length;
  }
  return at;
}

}  // namespace longshot
