#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drafters/model_drafter.h"

namespace longshot {

/// Which text a `SequenceDrafter` reads before the answer.
enum class DraftPrompt : uint8_t {
  kRetrieved,  ///< `DraftContext::draft_prompt`: what retrieval found; without one it proposes nothing
  kTarget,     ///< the target's own prompt, with another model; without one it proposes nothing
};

/// What drafters with a sequence of their own are set by.
struct RagConfig {
  std::string model;      ///< empty: the target's own weights
  double draft_cost = 0;  ///< 0: measured behind the first token; kAssumedDraftCost where nobody measures

  static constexpr double kAssumedDraftCost = 0.5;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(
        Field{.name = "draft_model",
              .flags = "-md,--spec-draft-model",
              .aliases = {"--model-draft", "--draft-model"},
              .unit = "PATH",
              .help = "another model of the same vocabulary that drafts, larger or smaller; empty: the target itself"},
        self.model);
    visit(Field{.name = "rag_cost_ratio",
                .flags = "--spec-rag-cost-ratio",
                .minimum = 0,
                .maximum = 100,
                .unit = "single-row passes",
                .help = "cost of one draft pass of rag or draft-simple; 0: measured behind the first token"},
          self.draft_cost);
  }
};

/// A model on a sequence of its own: its prompt, then the same generated tokens as the target's, at its own positions
/// 0, 1, ... Only the generated tokens are shared. The model is `DraftContext::draft_target` or, self-speculation, the
/// target itself: one copy of the weights, two caches. Between rounds its rows stand for the committed tokens that it
/// has read; a round first feeds what is missing (one or two tokens, more where other drafters proposed), a commit
/// keeps the rows of accepted tokens, the rest is dropped. Source: Chen et al. 2025, "RAPID", arXiv 2502.20330,
/// section 3; the model drafter of Leviathan et al. 2022, arXiv 2211.17192.
class SequenceDrafter final : public ModelDrafter {
 public:
  /// `name` outlives the drafter.
  SequenceDrafter(std::string_view name, DraftPrompt reads, const ProposalConfig& proposal, const RagConfig& config);
  ~SequenceDrafter() override;

  std::string_view name() const override { return name_; }
  std::optional<Prospect> Foresee(const DraftBudget& budget) const override;

 private:
  void BeginModel(const DraftContext& context) override;
  void BeginRound(std::span<const Token> history) override;
  std::span<const float> LogitsAfter(const TokenTree& tree, NodeId node) override;
  void EndRound(const RoundView& round) override;
  int64_t room() const override;

  /// Opens the sequence and reads the prompt but its last token. False when it was stopped.
  bool Start(const DraftContext& context);
  void Close();

  std::string_view name_;
  DraftPrompt reads_;
  Target* target_ = nullptr;  ///< the model that drafts; nullptr: there is nothing to draft from
  std::optional<SequenceId> sequence_;
  int64_t capacity_ = 0;
  size_t shared_from_ = 0;     ///< index of the first generated token in the target's history
  size_t prompt_tokens_ = 0;   ///< and in `tokens_`
  std::vector<Token> tokens_;  ///< of the sequence: prompt and generated, the pending one last
  int64_t answered_ = 0;       ///< generated tokens, those included that `tokens_` has not taken in yet
  TokenTree chain_;            ///< of the round in flight: missing tokens, the pending one, drafted ones
  int64_t scored_ = 0;         ///< nodes of it whose rows are written
  NodeId pending_ = 0;         ///< node of the pending token
  std::vector<NodeId> kept_;   ///< path of the round's commit
};

}  // namespace longshot
