#pragma once

#include <span>
#include <string>
#include <vector>

#include "retrieval/document.h"

namespace longshot {

/// The documents that `--doc` names; what is read and skipped of folders is told on standard error.
/// Errors: those of `ReadDocuments`.
std::vector<Document> ReadNamedDocuments(std::span<const std::string> paths);

/// One text of them; with more than one, each is preceded by a line with its name.
std::string JoinDocuments(std::vector<Document> documents);

/// Both.
std::string ReadDocumentText(std::span<const std::string> paths);

}  // namespace longshot
