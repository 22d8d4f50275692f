#pragma once

#include <span>
#include <string>
#include <string_view>

namespace longshot {

/// The text of `paths` in order: files, folders (every text file below, in sorted order, hidden ones left
/// out, such as .git; what is read and skipped is told on standard error) or "-" for standard input. With more than one
/// file, each is preceded by a line with its name. Errors: kIo when something cannot be read; kFormat when a named file
/// is binary, or when there is no text at all.
std::string ReadDocuments(std::span<const std::string> paths);

/// The text of the file that `flag` names as `path`, or of standard input for "-"; read once, so that pipes are whole.
/// Errors: kIo when it cannot be read; kFormat when it is binary or blank.
std::string ReadText(std::string_view flag, const std::string& path);

/// Nothing but white space.
bool IsBlank(std::string_view content);

/// Whether bytes are not text: a NUL, or more than a tenth that is not UTF-8.
bool IsBinary(const std::string& content);

}  // namespace longshot
