#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace longshot {

/// A whole file mapped read-only. Movable owner; the bytes live as long as it does.
class MappedFile {
 public:
  /// Errors: kIo when the file is missing, unreadable or not a regular file.
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }
  /// Tells the kernel that the pages will not be read again soon, so they stop counting as resident.
  void ReleasePages() const;

 private:
  void* address_ = nullptr;
  size_t size_ = 0;
};

/// The whole content of a file. Errors: kIo.
std::string ReadFile(const std::string& path);
/// Writes to a temporary name beside `path`, syncs, renames: readers see the old file or the new one. A symbolic link
/// stays, its target is replaced. Errors: kIo for what is no regular file, and (with the system's reason, a full disk included); nothing is left behind.
void WriteFileAtomically(const std::string& path, const std::string& content);

}  // namespace longshot
