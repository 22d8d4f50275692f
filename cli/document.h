#pragma once

#include <span>
#include <string>

namespace longshot {

/// The text of `paths` in order: files, folders (every text file below, in sorted order, hidden ones left
/// out, such as .git; what is read and skipped is told on standard error) or "-" for standard input. With more than one
/// file, each is preceded by a line with its name. Errors: kIo when something cannot be read; kFormat when a named file
/// is binary, or when there is no text at all.
std::string ReadDocuments(std::span<const std::string> paths);

/// Whether bytes are not text: a NUL, or more than a tenth that is not UTF-8.
bool IsBinary(const std::string& content);

}  // namespace longshot
