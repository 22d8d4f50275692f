#include "cli/document.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/printable.h"
#include "runtime/text/utf8.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

struct TextFile {
  std::string name;
  std::string content;
};

bool IsBlank(const std::string& content) {
  return content.find_first_not_of(" \t\r\n\f\v") == std::string::npos;
}

void AddFile(const std::string& path, bool is_named, std::vector<TextFile>& files) {
  std::string content = ReadFile(path == "-" ? "/dev/stdin" : path);
  const std::string name = path == "-" ? "standard input" : path;
  if (IsBinary(content)) {
    if (!is_named) return;
    Throw(ErrorCode::kFormat, "--doc {}: expected text, got a binary file; convert it to text first",
          Printable(name));
  }
  if (IsBlank(content)) {
    if (!is_named) return;
    Throw(ErrorCode::kFormat, "--doc {}: expected text, got an empty document", Printable(name));
  }
  files.push_back({name, std::move(content)});
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
  if (error)
    Throw(ErrorCode::kIo, "--doc {}: cannot read the folder: {}", Printable(folder), error.message());
  std::sort(paths.begin(), paths.end());
  const size_t before = files.size();
  for (const std::string& path : paths) AddFile(path, false, files);
  if (files.size() == before) {
    Throw(ErrorCode::kFormat, "--doc {}: expected text files in the folder, found none", Printable(folder));
  }
}

}  // namespace

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
      AddFile(path, true, files);
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
