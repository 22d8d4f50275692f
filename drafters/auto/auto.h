#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/engine/controller.h"
#include "runtime/spec/drafter.h"

namespace longshot {

/// Drafts with the one of several drafters that is expected to be fastest in the round, or not at all. Look-ups
/// propose in every round and are credited with what they would have got; drafters that run the model tell what they
/// expect and propose when chosen. All of them observe every round. The choice depends on wall time, so the same
/// request may be drafted differently: under a coupled rule the output is the same nevertheless; under the rejection
/// rule its law is, since the choice is made from past rounds before anything is drawn.
class AutoDrafter final : public Drafter {
 public:
  /// `name`: as the user wrote it. REQUIRES: at least one drafter.
  AutoDrafter(std::string name, std::vector<std::unique_ptr<Drafter>> drafters);

  std::string_view name() const override { return name_; }
  Taps Needs() const override;
  void Begin(const DraftContext& context) override;
  /// True when reading its text would pay for one of them, or a new text is cheap beside what the answer has taken.
  bool WantsStart(const DraftBudget& budget) override;
  void Start(std::span<const Token> history) override;
  void Propose(std::span<const Token> history, const DraftBudget& budget, TokenTree& tree) override;
  void Observe(const RoundView& round) override;
  bool WantsTop() const override;
  IdleRounds idle() const override { return idle_; }
  std::vector<ArmRounds> arms() const override;
  std::string_view proposer() const override;
  int64_t bytes() const override;

 private:
  struct Arm {
    std::unique_ptr<Drafter> drafter;
    ArmRounds counts = {};
    bool runs_model = false;
    TokenTree tree = {};                ///< of a look-up, this round's proposal
    std::vector<double> survival = {};  ///< of this round's proposal, by depth
    int64_t rounds_at_start = 0;        ///< that it had when it was last started
    IdleRounds idle_before = {};
  };

  /// Begins the controller with the budget of the first round: the context's costs come with it.
  void BeginOnce(const DraftBudget& budget);
  /// Whether what `prospect` saves over as long an answer again is worth its start. `used`: since it last was.
  bool StartPays(const Prospect& prospect, bool used, const DraftBudget& budget) const;
  DraftBudget BudgetFor(int arm, const DraftBudget& budget) const;
  Offer OfferOf(int arm, std::span<const Token> history, const DraftBudget& budget);
  void Take(const Controller::Choice& choice, std::span<const Token> history, const DraftBudget& budget,
            TokenTree& tree);
  void CountIdle();
  void Credit(int arm, const RoundView& round);

  std::string name_;
  std::vector<Arm> arms_;
  std::vector<Offer> offers_;
  Controller controller_;
  bool begun_ = false;
  bool asked_ = false;  ///< in the round in flight
  int starting_ = -1;   ///< the arm that `Start` is for
  double starting_cost_ = 0;
  Controller::Choice choice_ = {};
  int64_t rounds_ = 0;
  int64_t answered_ = 0;          ///< tokens
  double started_cost_ = 0;       ///< of all starts so far, in single-row passes
  int64_t top_wanted_until_ = 0;  ///< round up to which every top-k is worth its scan
  IdleRounds idle_;
};

}  // namespace longshot
