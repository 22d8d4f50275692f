#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/atomic_file.h"
#include "core/types.h"
#include "runtime/cache/prompt_cache.h"
#include "runtime/config/field.h"
#include "runtime/engine/model_target.h"

namespace longshot {

/// Where the rows of a prompt are kept between runs. No part of the configuration that decides a text.
struct PromptCacheOptions {
  std::string file;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(
        Field{.name = "prompt_cache",
              .flags = "--prompt-cache",
              .unit = "FILE",
              .help = "rows of the prompt: what fits is taken from the file, and the file is made or renewed; those of "
                      "a drafter's own text stand in FILE.draft"},
        self.file);
  }
};

/// Refuses a path that can never become a cache. Nothing happens for an empty one.
/// Errors: kUsage for a folder or a device, kIo when its folder does not exist.
void RequireCachePath(const std::string& path);

/// The prompt cache of one run. A file that cannot be used costs time, never the answer, and is told in one line.
class CachedPrompt {
 public:
  /// `rows`: the tokens whose rows are taken or kept; they and the target outlive the object. An empty `path`: nothing
  /// is. `tells`: says in a line what was taken and kept; what goes wrong is always told.
  CachedPrompt(std::string path, std::span<const Token> rows, ModelTarget& target, bool tells = true);

  /// Commits the rows that the file shares with this run to an empty sequence and returns their number: 0 when the file
  /// is missing, or refused because it is foreign, stale or damaged.
  int64_t Restore(SequenceId sequence);
  /// Renews the file when a repetition of this prompt would otherwise have to compute more than an eighth of its rows
  /// again: a new question on the same document leaves the file alone. A failure is told, not thrown.
  void Keep(SequenceId sequence);

  /// Takes the disk space of the file. REQUIRES: a path. Errors: kIo when there is too little, or the path is closed.
  void Reserve(SequenceId sequence);
  /// Writes the committed rows in place of the old file. REQUIRES: reserved. Errors: kIo.
  void Write(SequenceId sequence);

 private:
  const CacheIdentity& Identity(SequenceId sequence);
  int64_t RestoreFrom(const PromptCache& cache, SequenceId sequence);

  std::string path_;
  std::span<const Token> rows_;
  ModelTarget& target_;
  bool tells_;
  int64_t reused_ = 0;
  CacheIdentity identity_;  ///< empty until it is needed: the model is read for it
  CacheHeader header_;
  std::optional<AtomicFile> file_;
};

}  // namespace longshot
