#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "core/error.h"

namespace longshot {

/// The content of a file in a heap block of exactly its size, so that sanitizers see a read one byte past it.
class ExactBytes {
 public:
  explicit ExactBytes(const std::string& content) : bytes_(new std::byte[content.size()]), size_(content.size()) {
    if (size_ > 0) std::memcpy(bytes_.get(), content.data(), size_);
  }
  std::span<const std::byte> span() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  size_t size_;
};

/// The message of the `Error` that `action` throws, or "no error".
template <class Action>
std::string ErrorText(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace longshot
