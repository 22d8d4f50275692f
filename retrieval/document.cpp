#include "retrieval/document.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/printable.h"
#include "retrieval/html_text.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostEntries = 1'000'000;  ///< of a folder
constexpr size_t kShownBytes = 300;

bool HasExtension(const std::string& path, std::string_view extension) {
  const std::string found = fs::path(path).extension().string();
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::ranges::equal(found, extension, {}, lower);
}

/// By its first bytes; a file that calls itself one may have others before them, as PDF readers allow.
bool IsPdf(const std::string& path, std::string_view head) {
  constexpr std::string_view kMark = "%PDF-";
  constexpr size_t kFarthest = 1024;
  if (head.starts_with(kMark)) return true;
  return HasExtension(path, ".pdf") && head.substr(0, kFarthest + kMark.size()).find(kMark) != std::string_view::npos;
}

bool IsHtml(const std::string& path) { return HasExtension(path, ".html") || HasExtension(path, ".htm"); }

/// The paths below a folder, sorted, neither hidden nor folders themselves.
std::vector<std::string> PathsBelow(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error, ignored;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(".")) {
      it.disable_recursion_pending();
    } else if (it->is_symlink(ignored) || !it->is_directory(ignored)) {
      paths.push_back(it->path().string());
    }
    if (paths.size() > kMostEntries) {
      Throw(ErrorCode::kCapacity, "--doc {}: more than {} files; name a smaller folder", Printable(folder, kShownBytes),
            kMostEntries);
    }
  }
  if (error) {
    Throw(ErrorCode::kIo, "--doc {}: cannot read the folder: {}", Printable(folder, kShownBytes), error.message());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class DocumentReader {
 public:
  explicit DocumentReader(const DocumentOptions& options) : options_(options) {}

  void AddNamed(const std::string& path) {
    std::optional<std::string> text = TextOf(path, /*regular_only=*/false);
    if (!text.has_value()) RejectBinary("--doc", path);
    if (IsBlank(*text) && HasExtension(path, ".pdf")) {
      Throw(ErrorCode::kFormat, "--doc {}: expected text, but its pages hold none; recognise it (OCR) first",
            Printable(path, kShownBytes));
    }
    if (IsBlank(*text)) RejectBlank("--doc", path);
    Append(path, *std::move(text));
  }

  void AddFolder(const std::string& folder) {
    FolderCount count{.path = folder};
    std::set<std::pair<dev_t, ino_t>> seen;
    for (const std::string& path : PathsBelow(folder)) {
      struct stat info {};
      const bool is_file = ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
      const bool read = is_file && seen.emplace(info.st_dev, info.st_ino).second && AddFound(path);
      ++(read ? count.read : count.skipped);
    }
    if (options_.on_folder) options_.on_folder(count);
    if (count.read == 0) {
      Throw(ErrorCode::kFormat, "--doc {}: expected text files in the folder, found none",
            Printable(folder, kShownBytes));
    }
  }

  std::vector<Document> Take() { return std::move(documents_); }

 private:
  /// False for a file of a folder that is not text.
  bool AddFound(const std::string& path) {
    std::optional<std::string> text = TextOf(path, /*regular_only=*/true);
    if (!text.has_value() || IsBlank(*text)) return false;
    Append(path, *std::move(text));
    return true;
  }

  /// Nothing for a binary file.
  std::optional<std::string> TextOf(const std::string& path, bool regular_only) const {
    TextFile file(path, regular_only);
    const bool is_pdf = IsPdf(path, file.head());
    if (!is_pdf && file.StartsBinary()) return std::nullopt;
    std::string content = file.Read("--doc", options_.most_bytes);
    if (is_pdf) return PdfText(path, content, {.time_ms = options_.pdf_time_ms, .text_bytes = options_.most_bytes});
    if (IsBinary(content)) return std::nullopt;
    return IsHtml(path) ? HtmlText(content) : std::move(content);
  }

  void Append(const std::string& path, std::string text) {
    bytes_ += static_cast<int64_t>(text.size());
    if (bytes_ > options_.most_bytes) {
      Throw(ErrorCode::kCapacity, "--doc {}: with it the documents have more than {} bytes of text; name fewer",
            Printable(path, kShownBytes), options_.most_bytes);
    }
    documents_.push_back({path, std::move(text)});
  }

  const DocumentOptions& options_;
  std::vector<Document> documents_;
  int64_t bytes_ = 0;
};

}  // namespace

std::vector<Document> ReadDocuments(std::span<const std::string> paths, const DocumentOptions& options) {
  DocumentReader reader(options);
  std::error_code ignored;
  for (const std::string& path : paths) {
    if (path != "-" && fs::is_directory(path, ignored)) {
      reader.AddFolder(path);
    } else {
      reader.AddNamed(path);
    }
  }
  return reader.Take();
}

}  // namespace longshot
