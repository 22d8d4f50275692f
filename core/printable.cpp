#include "core/printable.h"

#include <fmt/format.h>

namespace longshot {
namespace {

/// Length of the UTF-8 sequence at the front of `text` (2 to 4), or 0 when there is no valid one. C1 controls
/// (U+0080 to U+009F) count as invalid: terminals obey them.
size_t MultibyteLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t n = byte(0) >= 0xF0 && byte(0) < 0xF5 ? 4 : byte(0) >= 0xE0 ? 3 : byte(0) >= 0xC2 ? 2 : 0;
  if (n == 0 || byte(0) >= 0xF5 || text.size() < n) return 0;
  for (size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
  const bool surrogate = byte(0) == 0xED && byte(1) >= 0xA0;
  const bool too_high = byte(0) == 0xF4 && byte(1) >= 0x90;
  const bool c1_control = byte(0) == 0xC2 && byte(1) < 0xA0;
  return overlong || surrogate || too_high || c1_control ? 0 : n;
}

}  // namespace

std::string Printable(std::string_view text, size_t limit) {
  std::string shown;
  size_t at = 0;
  while (at < text.size() && at < limit) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const size_t multibyte = byte < 0x80 ? 0 : MultibyteLength(text.substr(at));
    if (byte >= 0x20 && byte < 0x7F) {
      shown += text[at++];
    } else if (multibyte > 0) {
      shown += text.substr(at, multibyte);
      at += multibyte;
    } else if (byte == '\n') {
      shown += "\\n";
      ++at;
    } else {
      shown += fmt::format("\\x{:02x}", byte);
      ++at;
    }
  }
  if (at < text.size()) shown += fmt::format("... ({} bytes more)", text.size() - at);
  return shown;
}

}  // namespace longshot
