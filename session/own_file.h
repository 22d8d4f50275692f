#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// A file that a run reads or writes, under the flag that names it.
struct UsedFile {
  std::string_view flag;
  std::string path;
};

/// The files that a run reads: model, documents, question. Empty paths and "-" name none.
std::vector<UsedFile> FilesRead(const std::string& model, std::span<const std::string> documents = {},
                                const std::string& question = "");

/// Refuses to write over a file that the run uses under another flag, by whatever name or link it is given.
/// Errors: kUsage naming both flags.
void RequireOwnFile(const UsedFile& written, std::span<const UsedFile> used);

}  // namespace longshot
