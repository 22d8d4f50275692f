#pragma once

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "runtime/spec/drafter.h"
#include "runtime/spec/verifier.h"
#include "tests/runtime/engine/law_table.h"

namespace longshot {

/// How a `TableDrafter` chooses children from its law.
enum class DraftStyle : uint8_t {
  kBest,           ///< the most probable tokens
  kCoupled,        ///< the best by log q + the target's noise
  kNoReplacement,  ///< drawn, no token twice
  kReplacement,    ///< drawn, duplicates included
  kMixed,          ///< the most probable one, then drawn without replacement
};

/// Drafts trees of a fixed shape from a table of laws of its own.
class TableDrafter final : public Drafter {
 public:
  struct Options {
    DraftStyle style = DraftStyle::kBest;
    std::vector<int> shape = {1, 1, 1};  ///< children of a node by depth
    uint64_t seed = 99;                  ///< of its laws
    bool stale_noise = false;            ///< negative control: the same draws in every round
    int top_k = 0;                       ///< asks for taps, to count them
    int vocab = 5;
  };

  explicit TableDrafter(const Options& options) : options_(options), table_(options.vocab, options.seed, 0.1) {}

  std::string_view name() const override { return "table"; }
  Taps Needs() const override { return {.top_k = options_.top_k, .prefill_rows = options_.top_k > 0 ? 3 : 0}; }

  void Begin(const DraftContext& context) override {
    context_ = context;
    observed_.assign(context.prompt.begin(), context.prompt.end());
    rounds_ = 0;
  }

  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override {
    CHECK(std::ranges::equal(history, observed_), "the drafter did not observe what was emitted");
    const auto depth = std::min<int64_t>(budget.max_depth, std::ssize(options_.shape));
    for (NodeId node = 0; node < tree.size(); ++node) {
      if (tree.depth(node) >= depth) continue;
      AddChildren(node, std::ssize(history) + tree.depth(node), budget, tree);
    }
  }

  void Observe(const RoundView& round) override {
    CHECK(round.path.size() == round.emitted.size());
    for (size_t i = 1; i < round.path.size(); ++i) CHECK(round.tree->token(round.path[i]) == round.emitted[i - 1]);
    CHECK(std::ssize(round.top) == round.top_k * round.tree->size());
    observed_.insert(observed_.end(), round.emitted.begin(), round.emitted.end());
    ++rounds_;
  }

  const DraftContext& context() const { return context_; }
  int64_t rounds() const { return rounds_; }
  const std::vector<Token>& observed() const { return observed_; }

 private:
  void AddChildren(NodeId node, int64_t position, const DraftBudget& budget, TokenTree& tree) {
    MakeLaw(tree.token(node), position);
    const bool drawn = options_.style >= DraftStyle::kNoReplacement;
    if (drawn) tree.SetLaw(node, law_);
    weights_.assign(law_.probabilities.begin(), law_.probabilities.end());
    for (int i = 0; i < options_.shape[tree.depth(node)] && tree.size() <= budget.max_nodes; ++i) {
      if (std::ranges::all_of(weights_, [](double w) { return w <= 0; })) return;
      const bool best = !drawn || (options_.style == DraftStyle::kMixed && i == 0);
      const int64_t at = best ? std::ranges::max_element(weights_) - weights_.begin()
                              : InvertCumulative(weights_, DrawUniform(node, i, budget.round));
      const bool replacement = options_.style == DraftStyle::kReplacement;
      tree.Add(node, law_.ids[at],
               best          ? ProposalKind::kDeterministic
               : replacement ? ProposalKind::kSampledReplacement
                             : ProposalKind::kSampledNoReplacement);
      if (!replacement) weights_[at] = 0;
    }
  }

  void MakeLaw(Token last, int64_t position) {
    law_ = {};
    const auto row = table_.ShortRow(last);
    for (Token x = 0; x < options_.vocab; ++x) {
      const double noise = options_.style == DraftStyle::kCoupled ? context_.noise.At(position, x) : 0.0;
      law_.ids.push_back(x);
      law_.probabilities.push_back(static_cast<float>(std::exp(row[x] + noise)));
    }
  }

  double DrawUniform(NodeId node, int index, uint32_t round) const {
    return Uniform({.seed = context_.seed,
                    .sequence = context_.noise.sequence,
                    .round = options_.stale_noise ? 0 : round,
                    .node = node,
                    .index = static_cast<uint32_t>(index),
                    .purpose = DrawPurpose::kDraft});
  }

  Options options_;
  LawTable table_;
  DraftContext context_;
  DraftLaw law_;
  std::vector<double> weights_;
  std::vector<Token> observed_;
  int64_t rounds_ = 0;
};

/// Never proposes: plain decoding.
class SilentDrafter final : public Drafter {
 public:
  std::string_view name() const override { return "silent"; }
  void Begin(const DraftContext&) override {}
  void Propose(std::span<const Token>, const DraftBudget&, TokenTree&) override {}
  void Observe(const RoundView&) override {}
};

}  // namespace longshot
