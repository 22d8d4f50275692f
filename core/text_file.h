#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/file_descriptor.h"

namespace longshot {

/// Nothing but white space.
bool IsBlank(std::string_view content);

/// Whether bytes are not text: a NUL, or more than a tenth that is not UTF-8.
bool IsBinary(std::string_view content);

/// Largest file that is read as text.
inline constexpr int64_t kMostTextBytes = int64_t{1} << 30;

/// A file read from its front: what it is shows before it is read whole.
class TextFile {
 public:
  /// Opens `path`, standard input for "-", and reads the head. `regular_only` refuses what may never end: pipes,
  /// devices. Errors: kIo.
  explicit TextFile(std::string path, bool regular_only = false);

  /// The first 64 KiB, or all there is. REQUIRES: `Read` was not called.
  std::string_view head() const { return content_; }
  /// Whether the head holds a NUL: large binaries are known without reading them whole.
  bool StartsBinary() const { return content_.find('\0') != std::string::npos; }
  /// The whole content; once. `flag` is what named the file. Errors: kIo; kCapacity beyond `most_bytes`, found before
  /// more than that is held.
  std::string Read(std::string_view flag, int64_t most_bytes = kMostTextBytes);

 private:
  size_t Append(size_t bytes);

  std::string path_;
  FileDescriptor file_;
  int64_t size_ = 0;  ///< as the system says: 0 for pipes
  std::string content_;
};

/// The text of the file that `flag` names as `path`, or of standard input for "-"; read once, so that pipes are whole.
/// Errors: those of `TextFile`; kFormat when it is binary or blank.
std::string ReadText(std::string_view flag, const std::string& path);

/// What `ReadText` says of a file that is no text, or has none.
[[noreturn]] void RejectBinary(std::string_view flag, const std::string& path);
[[noreturn]] void RejectBlank(std::string_view flag, const std::string& path);

}  // namespace longshot
