#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/spec/token_tree.h"
#include "runtime/spec/verifier.h"
#include "tests/runtime/engine/law_table.h"

namespace longshot {

/// How the children of a node come to be, and what a careless drafter might do to them.
enum class Style : uint8_t { kDeterministic, kNoReplacement, kReplacement, kMixed };
enum class Violation : uint8_t {
  kNone,
  kDropsUnlikely,     ///< a drawn token of low q is thrown away
  kSortsSiblings,     ///< siblings stand in the order of q, not of the draws
  kArgmaxAsSampled,   ///< the best token is declared drawn
  kMergesDuplicates,  ///< a token drawn again is left out
  kReusesNoise,       ///< the draws of the first round serve again
};

/// Draws trees of a fixed shape from the short rows of a table.
class TreeBuilder {
 public:
  TreeBuilder(const LawTable* table, Style style, std::vector<int> shape, Violation violation = Violation::kNone)
      : table_(table), style_(style), shape_(std::move(shape)), violation_(violation) {}

  /// Starts a new text: forgets the noise that kReusesNoise keeps.
  void Restart() { kept_.clear(); }

  void Build(RandomSource& random, int64_t depth, TokenTree& tree) {
    for (NodeId node = 0; node < tree.size(); ++node) {
      if (tree.depth(node) < std::min<int64_t>(depth, std::ssize(shape_))) AddChildren(node, random, tree);
    }
  }

 private:
  void AddChildren(NodeId node, RandomSource& random, TokenTree& tree) {
    DraftLaw law;
    // Reused noise only means the same draw when the law is the same, so that control drafts from one law
    // everywhere.
    const auto row = table_->ShortRow(violation_ == Violation::kReusesNoise ? 0 : tree.token(node));
    for (Token x = 0; x < table_->vocab(); ++x) {
      law.ids.push_back(x);
      law.probabilities.push_back(std::exp(row[x]));
    }
    double sum = 0;
    for (float p : law.probabilities) sum += p;
    for (float& p : law.probabilities) p = static_cast<float>(p / sum);
    if (style_ != Style::kDeterministic) tree.SetLaw(node, law);
    std::vector<double> weights(law.probabilities.begin(), law.probabilities.end());
    std::vector<Token> drawn;
    for (int i = 0; i < shape_[tree.depth(node)]; ++i) {
      if (std::ranges::all_of(weights, [](double w) { return w <= 0; })) break;
      const bool best = style_ == Style::kDeterministic || (style_ == Style::kMixed && i == 0);
      const bool claims_draw = violation_ == Violation::kArgmaxAsSampled;
      const Token token = static_cast<Token>(best || claims_draw ? Best(weights) : Draw(node, i, random, weights));
      if (style_ != Style::kReplacement) weights[token] = 0;
      if (best) {
        tree.Add(node, token);
      } else {
        drawn.push_back(token);
      }
    }
    AddDrawn(node, law, std::move(drawn), tree);
  }

  void AddDrawn(NodeId node, const DraftLaw& law, std::vector<Token> drawn, TokenTree& tree) const {
    if (violation_ == Violation::kSortsSiblings) {
      std::ranges::stable_sort(drawn, std::greater(), [&](Token x) { return law.probabilities[x]; });
    }
    for (Token token : drawn) {
      if (violation_ == Violation::kDropsUnlikely && law.probabilities[token] < 0.2f) continue;
      if (violation_ == Violation::kMergesDuplicates && tree.FindChild(node, token) >= 0) continue;
      tree.Add(node, token,
               style_ == Style::kReplacement ? ProposalKind::kSampledReplacement : ProposalKind::kSampledNoReplacement);
    }
  }

  static int64_t Best(const std::vector<double>& weights) {
    return std::ranges::max_element(weights) - weights.begin();
  }

  int64_t Draw(NodeId node, int index, RandomSource& random, const std::vector<double>& weights) {
    if (violation_ != Violation::kReusesNoise) return random.Categorical(node, weights);
    for (const Kept& kept : kept_) {
      if (kept.node == node && kept.index == index) return kept.token;
    }
    kept_.push_back({node, index, random.Categorical(node, weights)});
    return kept_.back().token;
  }

  struct Kept {
    NodeId node;
    int index;
    int64_t token;
  };

  const LawTable* table_;
  Style style_;
  std::vector<int> shape_;
  Violation violation_;
  std::vector<Kept> kept_;
};

}  // namespace longshot
