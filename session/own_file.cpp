#include "session/own_file.h"

#include <filesystem>

#include "core/error.h"
#include "core/printable.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

/// By device and inode, or, where neither exists yet, by path.
bool IsSameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  if (fs::exists(a, error) || fs::exists(b, error)) return fs::is_regular_file(a, error) && fs::equivalent(a, b, error);
  return fs::weakly_canonical(a, error) == fs::weakly_canonical(b, error);
}

}  // namespace

std::vector<UsedFile> FilesRead(const std::string& model, std::span<const std::string> documents,
                                const std::string& question) {
  std::vector<UsedFile> files{{"-m", model}, {"-f", question}};
  for (const std::string& document : documents) files.push_back({"--doc", document});
  std::erase_if(files, [](const UsedFile& file) { return file.path.empty() || file.path == "-"; });
  return files;
}

void RequireOwnFile(const UsedFile& written, std::span<const UsedFile> used) {
  if (written.path.empty()) return;
  for (const UsedFile& file : used) {
    if (file.path.empty() || !IsSameFile(written.path, file.path)) continue;
    Throw(ErrorCode::kUsage, "{} {}: this is the file of {}, which would be lost; name another", written.flag,
          Printable(written.path, 300), file.flag);
  }
}

}  // namespace longshot
