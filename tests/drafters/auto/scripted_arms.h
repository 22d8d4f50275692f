#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// The text that scripted arms guess: any token is as good as another.
inline Token TrueToken(int64_t position) { return static_cast<Token>(position % 1000); }

/// Proposes a chain of fixed length, each token of which is right with a chance that the test sets.
class ScriptedArm final : public Drafter {
 public:
  struct Options {
    std::string name;
    int64_t depth = 4;
    double draft_cost = 0;  ///< of one token, in single-row passes; above 0: an arm that runs the model
    uint64_t seed = 1;
    double start_cost = 0;  ///< of what it has to do first, in single-row passes
  };
  ScriptedArm(Options options, const double* acceptance) : options_(std::move(options)), acceptance_(acceptance) {}

  std::string_view name() const override { return options_.name; }
  void Begin(const DraftContext&) override {}
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override {
    NodeId node = 0;
    for (int64_t n = 0; n < std::min({options_.depth, budget.max_depth, budget.max_nodes}); ++n) {
      const int64_t position = static_cast<int64_t>(history.size()) + n;
      const double u =
          Uniform({.seed = options_.seed, .round = static_cast<uint32_t>(position), .purpose = DrawPurpose::kTest});
      node = tree.Add(node, u < *acceptance_ ? TrueToken(position) : 5000 + static_cast<Token>(options_.seed));
    }
  }
  void Observe(const RoundView&) override { ++observed; }
  std::optional<Prospect> Foresee(const DraftBudget&) const override {
    if (options_.draft_cost == 0) return std::nullopt;
    return Prospect{.depth = options_.depth,
                    .acceptance = 0.8,
                    .cost = options_.draft_cost * static_cast<double>(options_.depth),
                    .start_cost = started ? 0 : options_.start_cost,
                    .started = started || options_.start_cost == 0};
  }
  bool WantsStart(const DraftBudget&) override { return options_.start_cost > 0 && !started; }
  void Start(std::span<const Token>) override { started = true; }

  int64_t observed = 0;
  bool started = false;

 private:
  Options options_;
  const double* acceptance_;
};

}  // namespace longshot
