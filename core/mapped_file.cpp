#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_descriptor.h"

namespace longshot {

MappedFile::MappedFile(const std::string& path) {
  // Opening a pipe would wait for its writer, only to refuse it.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
    Throw(ErrorCode::kIo, "cannot open {}: {}", path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) Throw(ErrorCode::kIo, "cannot open {}: not a regular file", path);
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
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
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) Throw(ErrorCode::kIo, "cannot open {}: {}", path, std::strerror(errno));
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Throw(ErrorCode::kIo, "cannot read {}: {}", path, std::strerror(errno));
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
  }
}

void WriteFileAtomically(const std::string& path, const std::string& content) {
  AtomicFile file(path);
  file.Write(std::as_bytes(std::span(content)));
  file.Commit();
}

}  // namespace longshot
