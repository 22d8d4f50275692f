#include "session/document.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "session/output.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"
#include "core/utf8.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

struct TextFile {
  std::string name;
  std::string content;
};

/// Whether the first 64 KB of a file hold a NUL: large binaries are known without reading them whole. Only a regular
/// file is looked into: what is read of a pipe is gone.
bool StartsBinary(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  std::string head(64 << 10, '\x01');
  std::ifstream(path, std::ios::binary).read(head.data(), static_cast<std::streamsize>(head.size()));
  return head.find('\0') != std::string::npos;
}

std::string NameOf(const std::string& path) { return path == "-" ? "standard input" : path; }

/// False for a file of a folder that is not text.
bool AddIfText(const std::string& path, std::vector<TextFile>& files) {
  if (StartsBinary(path)) return false;
  std::string content = ReadFile(path);
  if (IsBinary(content) || IsBlank(content)) return false;
  files.push_back({path, std::move(content)});
  return true;
}

bool IsHidden(const fs::path& path) { return path.filename().string().starts_with("."); }

void AddFolder(const std::string& folder, std::vector<TextFile>& files) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (IsHidden(it->path())) {
      if (it->is_directory()) it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      paths.push_back(it->path().string());
    }
  }
  if (error) Throw(ErrorCode::kIo, "--doc {}: cannot read the folder: {}", Printable(folder), error.message());
  std::sort(paths.begin(), paths.end());
  const auto read =
      std::count_if(paths.begin(), paths.end(), [&](const std::string& path) { return AddIfText(path, files); });
  Note(fmt::format("--doc {}: {} text files read, {} binary or empty ones skipped", Printable(folder, 300), read,
                   static_cast<int64_t>(paths.size()) - read));
  if (read == 0) {
    Throw(ErrorCode::kFormat, "--doc {}: expected text files in the folder, found none", Printable(folder));
  }
}

}  // namespace

bool IsBlank(std::string_view content) { return content.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos; }

std::string ReadText(std::string_view flag, const std::string& path) {
  const bool binary = path != "-" && StartsBinary(path);
  std::string content;
  if (!binary) content = ReadFile(path == "-" ? "/dev/stdin" : path);
  if (binary || IsBinary(content)) {
    Throw(ErrorCode::kFormat, "{} {}: expected text, got a binary file; convert it to text first", flag,
          Printable(NameOf(path)));
  }
  if (IsBlank(content)) {
    Throw(ErrorCode::kFormat, "{} {}: expected text, but it is empty", flag, Printable(NameOf(path)));
  }
  return content;
}

bool IsBinary(const std::string& content) {
  if (content.find('\0') != std::string::npos) return true;
  size_t invalid = 0;
  for (std::string_view rest = content; !rest.empty();) {
    rest.remove_prefix(ValidPrefix(rest));
    if (rest.empty()) break;
    rest.remove_prefix(1);
    ++invalid;
  }
  return invalid * 10 > content.size();
}

std::string ReadDocuments(std::span<const std::string> paths) {
  std::vector<TextFile> files;
  for (const std::string& path : paths) {
    if (path != "-" && fs::is_directory(path)) {
      AddFolder(path, files);
    } else {
      files.push_back({NameOf(path), ReadText("--doc", path)});
    }
  }
  if (files.size() == 1) return std::move(files[0].content);
  std::string text;
  for (const TextFile& file : files) {
    text += "File: " + file.name + "\n" + file.content;
    text += text.ends_with("\n") ? "\n" : "\n\n";
  }
  return text;
}

}  // namespace longshot
