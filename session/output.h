#pragma once

#include <string>
#include <string_view>

namespace longshot {

/// Writes to standard output at once. Errors: kIo with the system's reason (a full disk, a closed pipe).
void WriteOutput(std::string_view text);

/// Writes one line to standard error: everything that is not the result.
void Note(std::string_view line);

/// A file that will be written when the work is done. Made before the work, so that a path that cannot be
/// written or a full disk is found before minutes are spent.
class ResultFile {
 public:
  /// Empty: no file is wanted. Errors: kUsage for "-", kIo naming the path and the reason.
  explicit ResultFile(std::string path);

  bool wanted() const { return !path_.empty(); }
  /// Replaces the file in one step; a device, a pipe, standard output or error are written as they are. Errors: kIo.
  void Write(const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace longshot
