#include "session/document.h"

#include <fmt/format.h>

#include <utility>

#include "core/printable.h"
#include "session/output.h"

namespace longshot {
namespace {

void TellFolder(const FolderCount& folder) {
  Note(fmt::format("--doc {}: {} text files read, {} others skipped (binary, empty or met before)",
                   Printable(folder.path, 300), folder.read, folder.skipped));
}

}  // namespace

std::vector<Document> ReadNamedDocuments(std::span<const std::string> paths) {
  return ReadDocuments(paths, {.on_folder = TellFolder});
}

std::string JoinDocuments(std::vector<Document> documents) {
  if (documents.size() == 1) return std::move(documents[0].text);
  std::string text;
  for (const Document& document : documents) {
    text += "File: " + (document.path == "-" ? "standard input" : document.path) + "\n" + document.text;
    text += text.ends_with("\n") ? "\n" : "\n\n";
  }
  return text;
}

std::string ReadDocumentText(std::span<const std::string> paths) { return JoinDocuments(ReadNamedDocuments(paths)); }

}  // namespace longshot
