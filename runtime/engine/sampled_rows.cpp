#include "runtime/engine/sampled_rows.h"

namespace longshot {

void SampledRows::Bind(const ScoredRows& rows, const TokenTree* tree, std::span<const Token> history) {
  rows_ = rows;
  tree_ = tree;
  history_ = history;
}

const Distribution& SampledRows::At(NodeId node) {
  path_.resize(tree_->depth(node));
  for (NodeId at = node; at > 0; at = tree_->parent(at)) path_[tree_->depth(at) - 1] = tree_->token(at);
  sampler_->Process(rows_.Logits(node), history_, path_, law_);
  return law_;
}

int64_t SampledRows::NextPosition(NodeId node) const {
  return static_cast<int64_t>(history_.size()) + tree_->depth(node);
}

}  // namespace longshot
