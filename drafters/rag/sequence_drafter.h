#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drafters/model_drafter.h"

namespace longshot {

/// Which text a `SequenceDrafter` reads before the answer.
enum class DraftPrompt : uint8_t {
  kRetrieved,  ///< `DraftContext::draft_source`: what retrieval finds; without one it proposes nothing
  kTarget,     ///< the target's own prompt, with another model; without one it proposes nothing
};

/// What drafters with a sequence of their own are set by.
struct RagConfig {
  std::string model;      ///< empty: the target's own weights
  int64_t refresh = 0;    ///< 0: never
  double draft_cost = 0;  ///< 0: measured behind the first token; kAssumedDraftCost where nobody measures
  double read_cost = 0;   ///< the same; kAssumedReadCost

  static constexpr double kAssumedDraftCost = 0.5;
  static constexpr double kAssumedReadCost = 0.1;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(
        Field{.name = "draft_model",
              .flags = "-md,--spec-draft-model",
              .aliases = {"--model-draft", "--draft-model"},
              .unit = "PATH",
              .help = "another model of the same vocabulary that drafts, larger or smaller; empty: the target itself"},
        self.model);
    visit(
        Field{.name = "rag_refresh",
              .flags = "--spec-rag-refresh",
              .minimum = 0,
              .maximum = 1 << 30,
              .unit = "tokens",
              .help = "of answer after which passages are looked for again, with the answer's end beside the question; "
                      "0: once"},
        self.refresh);
    visit(Field{.name = "rag_read_cost",
                .flags = "--spec-rag-read-cost",
                .minimum = 0,
                .maximum = 100,
                .unit = "single-row passes",
                .help = "cost of reading one token of the passages, by which auto and lists tell whether reading them "
                        "pays; 0: measured behind the first token"},
          self.read_cost);
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
/// target itself: one copy of the weights, two caches. It reads its prompt when it is first wanted, so that nobody
/// waits for it before the first token. Between rounds its rows stand for the committed tokens that it has read; a
/// round first feeds what is missing (one or two tokens, more where other drafters proposed), a commit keeps the rows
/// of accepted tokens, the rest is dropped. Source: Chen et al. 2025, "RAPID", arXiv 2502.20330, section 3; the model
/// drafter of Leviathan et al. 2022, arXiv 2211.17192.
class SequenceDrafter final : public ModelDrafter {
 public:
  /// `name` outlives the drafter.
  SequenceDrafter(std::string_view name, DraftPrompt reads, const ProposalConfig& proposal, const TreeConfig& tree,
                  const RagConfig& config);
  ~SequenceDrafter() override;

  std::string_view name() const override { return name_; }
  /// With the cost of reading its prompt, as long as that is to be done.
  std::optional<Prospect> Foresee(const DraftBudget& budget) const override;
  /// True until its prompt is read, and whenever a new one is due.
  bool WantsStart(const DraftBudget& budget) override;
  void Start(std::span<const Token> history) override;
  /// With the rows of its sequence.
  int64_t bytes() const override;

 private:
  double TimedPassCost(const DraftBudget& budget) const override { return budget.own_pass_cost; }
  void BeginModel(const DraftContext& context) override;
  void BeginRound(std::span<const Token> history) override;
  std::span<const float> LogitsAfter(const TokenTree& tree, NodeId node) override;
  void EndRound(const RoundView& round, int64_t accepted) override;
  int64_t room() const override;

  /// What it reads before the answer, of which `answer` is known.
  std::span<const Token> FindPrompt(std::span<const Token> history, std::span<const Token> answer) const;
  /// Whether a new text is due.
  bool Stale() const;
  /// Brings the rows of the sequence to `tokens_` but the last. False when it was stopped.
  bool Read();
  void Close();

  std::string_view name_;
  DraftPrompt reads_;
  RagConfig config_;
  Target* target_ = nullptr;            ///< the model that drafts; nullptr: there is nothing to draft from
  std::optional<SequenceId> sequence_;  ///< once the prompt is read
  int64_t most_prompt_ = 0;             ///< tokens of its prompt at most
  int64_t capacity_ = 0;
  size_t shared_from_ = 0;     ///< index of the first generated token in the target's history
  size_t prompt_tokens_ = 0;   ///< and in `tokens_`
  std::vector<Token> tokens_;  ///< of the sequence: prompt and generated, the pending one last
  int64_t answered_ = 0;       ///< generated tokens, those included that `tokens_` has not taken in yet
  int64_t started_at_ = 0;     ///< of them when the prompt was read
  TokenTree chain_;            ///< of the round in flight: missing tokens, the pending one, drafted ones
  int64_t scored_ = 0;         ///< nodes of it whose rows are written
  NodeId pending_ = 0;         ///< node of the pending token
  std::vector<NodeId> kept_;   ///< path of the round's commit
};

}  // namespace longshot
