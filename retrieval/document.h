#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/text_file.h"
#include "retrieval/pdf_text.h"

namespace longshot {

/// One file as text.
struct Document {
  std::string path;  ///< as named or found; "-" for standard input
  std::string text;  ///< HTML without its tags, PDF as `pdftotext` writes it, everything else as it is
};

/// What became of the files below a folder; hidden ones are not counted.
struct FolderCount {
  std::string path;
  int64_t read = 0;
  int64_t skipped = 0;  ///< binary, empty, read already under another name, or no file: a device, a link to a folder
};

struct DocumentOptions {
  int64_t most_bytes = kMostTextBytes;  ///< of one file, and of all texts together
  int64_t pdf_time_ms = PdfLimits{}.time_ms;
  std::function<void(const FolderCount&)> on_folder = {};  ///< called when a folder is read
};

/// The documents of `paths` in order: files, "-" for standard input, and folders: every text file below, in sorted
/// order of their paths, each once. Of folders, hidden files and folders (.git) are left out, links to folders are not
/// followed, and what is not text is skipped and counted. HTML (.html, .htm) becomes the text it shows; PDF (by its
/// content) needs poppler's `pdftotext`.
/// Errors name `--doc`: kIo when something cannot be read; kFormat when a named file is binary or blank, when a folder
/// has no text, or when a PDF cannot be read; kCapacity beyond a limit; kUnsupported for a PDF without pdftotext.
std::vector<Document> ReadDocuments(std::span<const std::string> paths, const DocumentOptions& options = {});

}  // namespace longshot
