#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "drafters/copy/suffix_automaton.h"
#include "drafters/pay_rule.h"
#include "drafters/proposal_config.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// When and how much `copy` copies.
struct CopyConfig {
  int64_t min_match = 2;
  double length_per_match = 4;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "prompt_lookup_min",
                .flags = "--spec-prompt-lookup-min",
                .minimum = 1,
                .maximum = 1024,
                .unit = "tokens",
                .help = "copy only after a repetition of at least this many tokens"},
          self.min_match);
    visit(Field{.name = "copy_length_per_match",
                .flags = "--spec-copy-length-per-match",
                .minimum = 0,
                .maximum = 4096,
                .unit = "tokens",
                .help = "a copy has at most 1 + this x repeated tokens"},
          self.length_per_match);
  }
};

/// Proposes what followed the latest occurrence of the longest suffix of prompt and output that was seen
/// before. How often that is right is counted by match length on every emitted token, proposed or not, so a
/// text with nothing to copy stops it without costing verified rows. Source: Hu et al. 2024, "SAM Decoding",
/// arXiv 2411.10666, its dynamic automaton.
class CopyDrafter final : public Drafter {
 public:
  CopyDrafter(const ProposalConfig& proposal, const CopyConfig& config);

  std::string_view name() const override { return "copy"; }
  void Begin(const DraftContext& context) override;
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override;
  void Observe(const RoundView& round) override;
  std::span<const double> survival() const override { return survival_; }
  IdleRounds idle() const override { return idle_; }
  int64_t bytes() const override { return text_.bytes(); }

 private:
  static constexpr int kLengthBins = 8;

  static int LengthBin(int64_t match_length);
  void ResetRates();
  /// Tokens worth copying, given the chance of each that it and all before it are right: left in survival_.
  int64_t ChainLength(const SuffixMatch& match, const DraftBudget& budget);

  ProposalConfig proposal_;
  CopyConfig config_;
  SuffixAutomaton text_;
  std::array<AcceptanceRate, kLengthBins> rates_;  ///< by match length
  PayRule pay_;
  PassCost cost_;                 ///< of the round in flight
  std::vector<double> survival_;  ///< of the last proposal
  IdleRounds idle_;
};

}  // namespace longshot
