#include "session/bare_sequence.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace longshot {

MemoryRequest BareSequence::Memory(const Options& options) {
  return {.context = options.capacity,
          .k_type = options.k_type,
          .v_type = options.v_type,
          .pass_rows = std::max(options.pass_rows, options.logit_rows),
          .logit_rows = options.logit_rows};
}

BareSequence::BareSequence(const Model* model, const Options& options)
    : model_(model),
      options_(options),
      store_(&model->backend()),
      sequence_(store_.Open(model->Geometry(options.capacity, options.k_type, options.v_type))),
      scratch_(model->backend(), model->config(), std::max(options.pass_rows, options.logit_rows), options.logit_rows),
      parents_(static_cast<size_t>(std::max(options.pass_rows, options.logit_rows))),
      depths_(parents_.size()) {
  std::iota(parents_.begin(), parents_.end(), -1);
  std::iota(depths_.begin(), depths_.end(), 0);
}

MatrixView BareSequence::Pass(std::span<const Token> tokens, bool logits, bool prompt) {
  ForwardArgs args;
  args.tokens = tokens;
  args.topology = {.base = length(),
                   .parent = std::span(parents_).first(tokens.size()),
                   .depth = std::span(depths_).first(tokens.size()),
                   .chain = true};
  args.kv = &store_.buffer(sequence_);
  args.logits = logits;
  args.prompt = prompt;
  const MatrixView out = model_->Forward(args, scratch_);
  model_->backend().Synchronize();
  return out;
}

void BareSequence::Feed(std::span<const Token> tokens) {
  while (!tokens.empty()) {
    const auto chunk = tokens.first(std::min(tokens.size(), static_cast<size_t>(options_.pass_rows)));
    Pass(chunk, /*logits=*/false, /*prompt=*/true);
    store_.CommitPrefill(sequence_, static_cast<int64_t>(chunk.size()));
    tokens = tokens.subspan(chunk.size());
  }
}

std::span<const float> BareSequence::FeedForLogits(std::span<const Token> tokens, bool prompt) {
  const MatrixView view = Pass(tokens, /*logits=*/true, prompt);
  logits_.resize(static_cast<size_t>(view.rows * view.cols));
  CHECK(view.stride == view.cols, "logits of a pass are one block");
  model_->backend().Download(view.data, logits_);
  model_->backend().Synchronize();
  store_.CommitPrefill(sequence_, static_cast<int64_t>(tokens.size()));
  return logits_;
}

void BareSequence::Verify(std::span<const Token> tokens) { Pass(tokens, /*logits=*/true, /*prompt=*/false); }

}  // namespace longshot
