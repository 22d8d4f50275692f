#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace longshot {
namespace {

/// Closes on scope exit.
struct FileDescriptor {
  int fd;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info {};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0) {
    Throw(ErrorCode::kIo, "cannot open {}: {}", path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) Throw(ErrorCode::kIo, "cannot open {}: not a regular file", path);
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address_ == MAP_FAILED) {
    address_ = nullptr;
    Throw(ErrorCode::kIo, "cannot map {}: {}", path, std::strerror(errno));
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

void MappedFile::ReleasePages() const {
  if (address_ != nullptr) ::madvise(address_, size_, MADV_DONTNEED);
}

std::string ReadFile(const std::string& path) {
  FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) Throw(ErrorCode::kIo, "cannot open {}: {}", path, std::strerror(errno));
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Throw(ErrorCode::kIo, "cannot read {}: {}", path, std::strerror(errno));
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
  }
}

void WriteFileAtomically(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".part";
  const auto fail = [&] {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    Throw(ErrorCode::kIo, "cannot write {}: {}", path, reason);
  };
  FileDescriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (file.fd < 0) Throw(ErrorCode::kIo, "cannot write {}: {}", path, std::strerror(errno));
  for (size_t done = 0; done < content.size();) {
    const ssize_t n = ::write(file.fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    done += static_cast<size_t>(n);
  }
  if (::fsync(file.fd) != 0 && errno != EINVAL && errno != ENOTSUP) fail();
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

}  // namespace longshot
