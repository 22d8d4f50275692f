#include "session/document_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/stopwatch.h"
#include "session/interrupt.h"
#include "session/output.h"
#include "session/progress.h"

namespace longshot {

bool ReadSequence::Read(std::span<const Token> tokens) {
  Progress progress("prefill");
  Stopwatch watch;
  const bool complete = target_.Prefill({.sequence = id_, .tokens = tokens, .progress = [&](int64_t done, int64_t all) {
                                           progress.Show(done, all);
                                           return !Interrupted();
                                         }});
  progress.Finish();
  const double ms = watch.LapMs(), count = static_cast<double>(tokens.size());
  if (!complete) return false;
  ms_per_token_ = ms / count;
  Note(fmt::format("prefill {} tokens in {:.0f} ms ({:.0f} tok/s)", tokens.size(), ms, count * 1000 / ms));
  return true;
}

DocumentRows::DocumentRows(ModelTarget& target, std::vector<Token> tokens)
    : tokens_(std::move(tokens)), sequence_(target, std::ssize(tokens_)) {}

int64_t DocumentRows::CopyTo(SequenceId sequence, std::span<const Token> prompt) {
  const auto [mine, theirs] = std::mismatch(tokens_.begin(), tokens_.end(), prompt.begin(), prompt.end());
  const int64_t rows = mine - tokens_.begin();
  sequence_.target().store().CopyRows(sequence_.id(), sequence, rows);
  return rows;
}

double DocumentRows::TotalMs(const GenerationMetrics& metrics) const {
  return metrics.time_ms.total() - metrics.time_ms.restore +
         sequence_.ms_per_token() * static_cast<double>(metrics.cached_tokens);
}

}  // namespace longshot
