#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace longshot {

/// A file written piece by piece under a temporary name beside its path ("PATH.part"), and renamed when it is whole:
/// whoever opens the path finds the old file or the new one, whatever ends this process. What a killed writer left is
/// overwritten by the next; two writers at once take turns.
class AtomicFile {
 public:
  /// `expected_bytes` are reserved, so that a full disk shows before they are computed; 0: unknown.
  /// Errors: kIo naming the path and the system's reason.
  explicit AtomicFile(std::string path, int64_t expected_bytes = 0);
  /// Leaves nothing behind unless committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Errors: kIo.
  void Write(std::span<const std::byte> bytes);
  /// Syncs to the disk and takes the path. Errors: kIo; the old file stays.
  void Commit();

 private:
  [[noreturn]] void Fail(int error);
  void OpenLocked();

  std::string path_, temporary_;
  int fd_ = -1;
};

}  // namespace longshot
