#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace longshot {

/// A file written piece by piece without a name, named beside its path (PATH.PROCESS-N.part, a name that nobody has)
/// and renamed when it is whole: whoever opens the path finds the old file or the new one, and a killed writer leaves
/// nothing (but its .part on a file system without nameless files). A symbolic link stays, its target is what is
/// written. Of two writers at once the last counts.
class AtomicFile {
 public:
  /// `expected_bytes` are reserved, so that a full disk shows before they are computed; 0: unknown.
  /// Errors: kIo naming the path and the system's reason; a device, pipe or folder is never replaced.
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
  void OpenTemporary();
  template <class Make>
  void Name(const Make& make);

  std::string path_;            ///< as given
  std::string target_;          ///< what it leads to
  std::string temporary_ = {};  ///< beside the target; empty while the file has no name
  int fd_ = -1;
};

}  // namespace longshot
