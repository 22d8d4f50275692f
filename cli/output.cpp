#include "cli/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/mapped_file.h"

namespace longshot {
namespace {

/// Room that is tried before the work begins; no report comes near it.
constexpr off_t kReservedBytes = 1 << 20;

bool IsSpecial(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

/// 0 or the error number.
int WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

/// Devices and pipes cannot be replaced by a rename.
int WriteSpecial(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = WriteAll(fd, text);
  ::close(fd);
  return error;
}

/// Tries to make and fill a file beside the path.
int TryRegular(const std::string& path) {
  const std::string trial = path + ".part";
  const int fd = ::open(trial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  const int error = ::posix_fallocate(fd, 0, kReservedBytes);
  ::close(fd);
  ::unlink(trial.c_str());
  return error == EOPNOTSUPP || error == EINVAL ? 0 : error;
}

[[noreturn]] void Fail(const std::string& path, int error) {
  Throw(ErrorCode::kIo, "cannot write {}: {}", path, std::strerror(error));
}

}  // namespace

void WriteOutput(std::string_view text) {
  if (const int error = WriteAll(STDOUT_FILENO, text)) Fail("to standard output", error);
}

void Note(std::string_view line) { fmt::print(stderr, "{}\n", line); }

ResultFile::ResultFile(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) Fail(path_, EISDIR);
  // A newline before the JSON means nothing to a reader and shows a full device now.
  const bool is_device = ::stat(path_.c_str(), &info) == 0 && S_ISCHR(info.st_mode);
  const int error = is_device ? WriteSpecial(path_, "\n") : IsSpecial(path_) ? 0 : TryRegular(path_);
  if (error != 0) Fail(path_, error);
}

void ResultFile::Write(const std::string& content) const {
  if (!IsSpecial(path_)) return WriteFileAtomically(path_, content);
  if (const int error = WriteSpecial(path_, content)) Fail(path_, error);
}

}  // namespace longshot
