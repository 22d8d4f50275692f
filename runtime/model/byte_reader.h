#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/error.h"

namespace longshot {

/// Reads little-endian fields front to back from untrusted bytes. Every read is checked against what is left.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  /// Errors: kFormat when fewer than sizeof(T) bytes are left; `what` names the field.
  template <class T>
  T Read(const char* what) {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, Take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  /// The next `count` bytes. Errors: kFormat when fewer are left; `what` names the field.
  std::span<const std::byte> Take(uint64_t count, const char* what) {
    if (count > remaining()) {
      Throw(ErrorCode::kFormat, "{} at byte {} needs {} bytes, but the file has {} left: truncated or damaged", what,
            position_, count, remaining());
    }
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

/// The element at `index` of packed values of type T, wherever they are aligned. REQUIRES: inside `bytes`.
template <class T>
T LoadAt(std::span<const std::byte> bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace longshot
