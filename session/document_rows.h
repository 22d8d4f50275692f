#pragma once

#include <span>
#include <vector>

#include "core/types.h"
#include "runtime/engine/metrics.h"
#include "runtime/engine/model_target.h"

namespace longshot {

/// A sequence of a target that reads tokens of a prompt, with progress; closed with the object.
class ReadSequence {
 public:
  /// The target must outlive it. Errors: kCapacity when `capacity` tokens find no memory.
  ReadSequence(ModelTarget& target, int64_t capacity) : target_(target), id_(target.Open(capacity)) {}
  ~ReadSequence() { target_.Close(id_); }
  ReadSequence(const ReadSequence&) = delete;
  ReadSequence& operator=(const ReadSequence&) = delete;

  SequenceId id() const { return id_; }
  ModelTarget& target() const { return target_; }
  /// Reads `tokens` behind what is committed and tells what it took. False when interrupted.
  bool Read(std::span<const Token> tokens);
  /// Of the last `Read`.
  double ms_per_token() const { return ms_per_token_; }

 private:
  ModelTarget& target_;
  SequenceId id_;
  double ms_per_token_ = 0;
};

/// The rows of a document, read once for all answers of a run.
class DocumentRows {
 public:
  /// `tokens`: what prompts about the document begin with.
  DocumentRows(ModelTarget& target, std::vector<Token> tokens);

  /// False when interrupted.
  bool Read() { return sequence_.Read(tokens_); }
  /// Copies the rows that `prompt` begins with into an empty sequence, commits them and returns their number.
  /// REQUIRES: they were read.
  int64_t CopyTo(SequenceId sequence, std::span<const Token> prompt);
  /// What an answer takes that reads its whole prompt, milliseconds: copied rows count with what reading them took.
  double TotalMs(const GenerationMetrics& metrics) const;

 private:
  std::vector<Token> tokens_;
  ReadSequence sequence_;
};

}  // namespace longshot
