#include "core/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/printable.h"
#include "core/utf8.h"

namespace longshot {
namespace {

constexpr size_t kHeadBytes = 64 << 10;
constexpr size_t kStepBytes = 1 << 20;

std::string NameOf(const std::string& path) { return path == "-" ? "standard input" : Printable(path, 300); }

}  // namespace

bool IsBlank(std::string_view content) { return content.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos; }

bool IsBinary(std::string_view content) {
  if (content.find('\0') != std::string_view::npos) return true;
  size_t invalid = 0;
  for (std::string_view rest = content; !rest.empty();) {
    rest.remove_prefix(ValidPrefix(rest));
    if (rest.empty()) break;
    rest.remove_prefix(1);
    ++invalid;
  }
  return invalid * 10 > content.size();
}

TextFile::TextFile(std::string path, bool regular_only) : path_(std::move(path)) {
  // Opening a pipe would wait for its writer, only to refuse it.
  const int flags = O_RDONLY | O_CLOEXEC | (regular_only ? O_NONBLOCK : 0);
  file_ = FileDescriptor(::open(path_ == "-" ? "/dev/stdin" : path_.c_str(), flags));
  struct stat info {};
  if (file_.get() < 0 || ::fstat(file_.get(), &info) != 0) {
    Throw(ErrorCode::kIo, "cannot open {}: {}", NameOf(path_), std::strerror(errno));
  }
  if (S_ISREG(info.st_mode)) {
    size_ = info.st_size;
  } else if (regular_only) {
    Throw(ErrorCode::kIo, "cannot open {}: not a regular file", NameOf(path_));
  }
  while (content_.size() < kHeadBytes && Append(kHeadBytes - content_.size()) > 0) {
  }
}

std::string TextFile::Read(std::string_view flag, int64_t most_bytes) {
  const auto too_large = [&] { return std::max(size_, static_cast<int64_t>(content_.size())) > most_bytes; };
  if (!too_large()) content_.reserve(static_cast<size_t>(size_) + 1);
  const auto step = [&] {
    const size_t room = content_.capacity() - content_.size();
    return room > 0 ? std::min(room, kStepBytes) : kStepBytes;
  };
  while (!too_large() && Append(step()) > 0) {
  }
  if (too_large()) {
    Throw(ErrorCode::kCapacity, "{} {}: larger than {} bytes, the most that is read of a file; split it", flag,
          NameOf(path_), most_bytes);
  }
  return std::move(content_);
}

/// Reads up to `bytes` more; 0 at the end.
size_t TextFile::Append(size_t bytes) {
  const size_t before = content_.size();
  content_.resize(before + bytes);
  ssize_t n = 0;
  do {
    n = ::read(file_.get(), content_.data() + before, bytes);
  } while (n < 0 && errno == EINTR);
  if (n < 0) Throw(ErrorCode::kIo, "cannot read {}: {}", NameOf(path_), std::strerror(errno));
  content_.resize(before + static_cast<size_t>(n));
  return static_cast<size_t>(n);
}

std::string ReadText(std::string_view flag, const std::string& path) {
  TextFile file(path);
  if (file.StartsBinary()) RejectBinary(flag, path);
  std::string content = file.Read(flag);
  if (IsBinary(content)) RejectBinary(flag, path);
  if (IsBlank(content)) RejectBlank(flag, path);
  return content;
}

void RejectBinary(std::string_view flag, const std::string& path) {
  Throw(ErrorCode::kFormat, "{} {}: expected text, got a binary file; convert it to text first", flag, NameOf(path));
}

void RejectBlank(std::string_view flag, const std::string& path) {
  Throw(ErrorCode::kFormat, "{} {}: expected text, but it is empty", flag, NameOf(path));
}

}  // namespace longshot
