#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.h"

namespace longshot {

namespace {

/// As many links as Linux follows in one path.
constexpr int kMostLinks = 40;

/// Where `path` leads when the symbolic links that it names are followed; the end need not exist.
std::string FollowLinks(const std::string& path) {
  std::filesystem::path at = path;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    const std::filesystem::path next = std::filesystem::read_symlink(at, error);
    if (error) return at.string();
    at = at.parent_path() / next;
  }
  return at.string();
}

}  // namespace

AtomicFile::AtomicFile(std::string path, int64_t expected_bytes) : path_(std::move(path)), target_(FollowLinks(path_)) {
  struct stat info {};
  if (::stat(target_.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) Fail(EISDIR);
    if (!S_ISREG(info.st_mode)) Throw(ErrorCode::kIo, "cannot write {}: not a regular file", path_);
  } else if (errno == ELOOP) {
    Fail(ELOOP);
  }
  OpenTemporary();
  if (expected_bytes == 0) return;
  const int error = ::posix_fallocate(fd_, 0, expected_bytes);
  // A file system that cannot reserve tells when it is written.
  if (error != 0 && error != EOPNOTSUPP && error != EINVAL) Fail(error);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  ::close(fd_);
}

/// A file without a name, of which a killed process leaves nothing; where the file system has none, one under a name.
void AtomicFile::OpenTemporary() {
  const std::string folder = std::filesystem::path(target_).parent_path().string();
  fd_ = ::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
  if (fd_ >= 0) return;
  Name([this](const char* name) { return fd_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); });
}

/// Calls `make` with names beside the target until one did not exist: what has a name is somebody's.
template <class Make>
void AtomicFile::Name(const Make& make) {
  for (int n = 0;; ++n) {
    const std::string name = fmt::format("{}.{}-{}.part", target_, ::getpid(), n);
    if (make(name.c_str()) >= 0) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST) Fail(errno);
  }
}

void AtomicFile::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Fail(errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void AtomicFile::Commit() {
  // What was reserved and not written is no part of the file.
  const off_t end = ::lseek(fd_, 0, SEEK_CUR);
  if (end < 0 || ::ftruncate(fd_, end) != 0) Fail(errno);
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP) Fail(errno);
  if (temporary_.empty()) {
    const std::string nameless = fmt::format("/proc/self/fd/{}", fd_);
    Name([&](const char* name) { return ::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW); });
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) Fail(errno);
  ::close(std::exchange(fd_, -1));
}

void AtomicFile::Fail(int error) {
  if (fd_ >= 0) {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    ::close(std::exchange(fd_, -1));
  }
  Throw(ErrorCode::kIo, "cannot write {}: {}", path_, std::strerror(error));
}

}  // namespace longshot
