#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace longshot {

AtomicFile::AtomicFile(std::string path, int64_t expected_bytes) : path_(std::move(path)), temporary_(path_ + ".part") {
  OpenLocked();
  if (::ftruncate(fd_, 0) != 0 && errno != EINVAL) Fail(errno);  // EINVAL: a device
  if (expected_bytes == 0) return;
  const int error = ::posix_fallocate(fd_, 0, expected_bytes);
  // A file system that cannot reserve tells when it is written.
  if (error != 0 && error != EOPNOTSUPP && error != EINVAL) Fail(error);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::unlink(temporary_.c_str());
  ::close(fd_);
}

/// Takes the lock of the temporary file. Who waited for another writer may hold the lock of a file that was renamed
/// meanwhile: then it starts over.
void AtomicFile::OpenLocked() {
  for (;;) {
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) Fail(errno);
    int error = 0;
    while ((error = ::flock(fd_, LOCK_EX)) != 0 && errno == EINTR) {
    }
    struct stat locked {
    }, named{};
    if (error != 0 && errno != ENOLCK && errno != EOPNOTSUPP) Fail(errno);
    if (::fstat(fd_, &locked) == 0 && ::stat(temporary_.c_str(), &named) == 0 && locked.st_ino == named.st_ino &&
        locked.st_dev == named.st_dev) {
      return;
    }
    ::close(std::exchange(fd_, -1));
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
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) Fail(errno);
  ::close(std::exchange(fd_, -1));
}

void AtomicFile::Fail(int error) {
  if (fd_ >= 0) {
    ::unlink(temporary_.c_str());
    ::close(std::exchange(fd_, -1));
  }
  Throw(ErrorCode::kIo, "cannot write {}: {}", path_, std::strerror(error));
}

}  // namespace longshot
