#include "session/cached_prompt.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "session/build_info.h"
#include "session/output.h"
#include "core/error.h"
#include "core/printable.h"
#include "runtime/cache/cache_identity.h"

namespace longshot {
namespace {

constexpr size_t kShownPath = 300;

/// A repeated prompt may compute this share of its rows again before the file is renewed.
constexpr int64_t kNewShare = 8;

std::string BuildName() { return fmt::format("{} {} {} {}", kVersion, kCommit, kBuildType, kCompiler); }

}  // namespace

void RequireCachePath(const std::string& path) {
  if (path.empty()) return;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    Throw(ErrorCode::kUsage, "--prompt-cache {}: expected a file, or a name for one, got a {}",
          Printable(path, kShownPath), S_ISDIR(info.st_mode) ? "folder" : "device or pipe");
  }
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && ::stat(folder.c_str(), &info) != 0) {
    Throw(ErrorCode::kIo, "--prompt-cache {}: its folder cannot be used: {}; make it first",
          Printable(path, kShownPath), std::strerror(errno));
  }
}

CachedPrompt::CachedPrompt(std::string path, std::span<const Token> rows, ModelTarget& target, bool tells)
    : path_(std::move(path)), rows_(rows), target_(target), tells_(tells) {}

const CacheIdentity& CachedPrompt::Identity(SequenceId sequence) {
  if (identity_.empty()) {
    const KvGeometry& geometry = target_.store().geometry(sequence);
    identity_ = IdentityOfRows(target_.model(), geometry.k_type, geometry.v_type, BuildName());
  }
  return identity_;
}

int64_t CachedPrompt::RestoreFrom(const PromptCache& cache, SequenceId sequence) {
  cache.RequireIdentity(Identity(sequence));
  const int64_t rows = cache.CommonRows(rows_);
  if (rows > 0) cache.Restore(target_.store(), sequence, rows, target_.model().backend().Describe().threads);
  return rows;
}

int64_t CachedPrompt::Restore(SequenceId sequence) {
  struct stat info {};
  if (path_.empty() || (::stat(path_.c_str(), &info) != 0 && errno == ENOENT)) return 0;
  const std::string shown = Printable(path_, kShownPath);
  try {
    reused_ = RestoreFrom(PromptCache(path_), sequence);
    if (tells_) Note(fmt::format("prompt cache: {} of {} tokens taken from {}", reused_, rows_.size(), shown));
  } catch (const std::exception& error) {  // no memory for a layer among them
    Note(fmt::format("prompt cache: {} is not used, the prompt is read again: {}", shown, error.what()));
  }
  return reused_;
}

void CachedPrompt::Keep(SequenceId sequence) {
  const int64_t computed = std::ssize(rows_) - reused_;
  if (path_.empty() || computed * kNewShare <= std::ssize(rows_)) return;
  try {
    Reserve(sequence);
    Write(sequence);
  } catch (const Error& error) {
    Note(fmt::format("prompt cache: not kept: {}", error.what()));
  }
}

void CachedPrompt::Reserve(SequenceId sequence) {
  header_ = DescribeRows(target_.store(), sequence, rows_, Identity(sequence));
  file_.emplace(path_, static_cast<int64_t>(header_.file_bytes()));
}

void CachedPrompt::Write(SequenceId sequence) {
  CHECK(file_.has_value(), "nothing was reserved");
  WritePromptCache(*file_, header_, target_.store(), sequence);
  if (!tells_) return;
  Note(fmt::format("prompt cache: {} tokens kept in {} ({:.1f} MB)", rows_.size(), Printable(path_, kShownPath),
                   static_cast<double>(header_.file_bytes()) / 1e6));
}

}  // namespace longshot
