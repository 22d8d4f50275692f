#include "session/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/mapped_file.h"

namespace longshot {
namespace {

/// Room that is tried before the work begins; no report comes near it.
constexpr int64_t kReservedBytes = 1 << 20;

/// Standard output or error under whatever name (/dev/stdout, a link to it, the file it was sent to), or -1: it is
/// written through, where the process already writes.
int OpenStream(const struct stat& info) {
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat stream {};
    if (::fstat(fd, &stream) == 0 && stream.st_dev == info.st_dev && stream.st_ino == info.st_ino) return fd;
  }
  return -1;
}

/// Devices, pipes and the process's own streams are written as they are; all else is replaced whole.
bool IsSpecial(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && (!S_ISREG(info.st_mode) || OpenStream(info) >= 0);
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
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && OpenStream(info) >= 0) return WriteAll(OpenStream(info), text);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = WriteAll(fd, text);
  ::close(fd);
  return error;
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
  if (path_ == "-") {
    Throw(ErrorCode::kUsage, "--json -: standard output carries the text of the result; name a file for the JSON");
  }
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) Fail(path_, EISDIR);
  if (!IsSpecial(path_)) {
    AtomicFile(path_, kReservedBytes);  // made, filled and dropped
  } else if (S_ISCHR(info.st_mode) && OpenStream(info) < 0) {
    // A newline before the JSON means nothing to a reader and shows a full device now.
    if (const int error = WriteSpecial(path_, "\n")) Fail(path_, error);
  }
}

void ResultFile::Write(const std::string& content) const {
  if (!IsSpecial(path_)) return WriteFileAtomically(path_, content);
  if (const int error = WriteSpecial(path_, content)) Fail(path_, error);
}

}  // namespace longshot
