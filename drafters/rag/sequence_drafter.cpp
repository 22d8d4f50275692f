#include "drafters/rag/sequence_drafter.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace longshot {
namespace {

/// More missing tokens than these are read as a prompt is, without logits, before the round's first pass.
constexpr int64_t kMostCatchUp = 8;

}  // namespace

SequenceDrafter::SequenceDrafter(std::string_view name, DraftPrompt reads, const ProposalConfig& proposal,
                                 const RagConfig& config)
    : ModelDrafter(proposal, config.draft_cost > 0 ? config.draft_cost : RagConfig::kAssumedDraftCost),
      name_(name),
      reads_(reads) {}

SequenceDrafter::~SequenceDrafter() { Close(); }

void SequenceDrafter::Close() {
  if (sequence_) target_->Close(*sequence_);
  sequence_.reset();
}

void SequenceDrafter::BeginModel(const DraftContext& context) {
  Close();
  const bool same = reads_ == DraftPrompt::kTarget;
  const std::span<const Token> prompt = same ? context.prompt : context.draft_prompt;
  target_ = context.draft_target != nullptr || same ? context.draft_target : context.target;
  // A text that its model cannot hold is none to draft from.
  if (prompt.empty() || (target_ != nullptr && std::ssize(prompt) >= target_->max_context())) target_ = nullptr;
  shared_from_ = context.prompt.size();
  prompt_tokens_ = prompt.size();
  tokens_.assign(prompt.begin(), prompt.end());
  scored_ = 0, answered_ = 0;
  if (target_ == nullptr) return;
  capacity_ = std::min(target_->max_context(), std::ssize(prompt) + context.max_tokens + context.max_nodes);
  chain_.Reserve(kMostCatchUp + 1 + context.max_nodes);
  tokens_.reserve(capacity_), kept_.reserve(chain_.capacity());
  if (!Start(context)) target_ = nullptr;  // interrupted
}

bool SequenceDrafter::Start(const DraftContext& context) {
  sequence_ = target_->Open(capacity_);
  PrefillRequest prefill;
  prefill.sequence = *sequence_, prefill.tokens = std::span(tokens_).first(tokens_.size() - 1);
  prefill.progress = context.on_prefill;
  const bool complete = target_->Prefill(prefill);
  if (!complete) Close();
  return complete;
}

int64_t SequenceDrafter::room() const {
  if (target_ == nullptr) return 0;
  const int64_t left = capacity_ - static_cast<int64_t>(prompt_tokens_) - answered_ - 1;
  return std::max<int64_t>(0, std::min(left, target_->max_rows() - kMostCatchUp - 1));
}

std::optional<Prospect> SequenceDrafter::Foresee(const DraftBudget& budget) const {
  if (target_ == nullptr) return Prospect{};
  return ModelDrafter::Foresee(budget);
}

void SequenceDrafter::BeginRound(std::span<const Token> history) {
  const size_t known = shared_from_ + tokens_.size() - prompt_tokens_;
  tokens_.insert(tokens_.end(), history.begin() + static_cast<std::ptrdiff_t>(known), history.end());
  auto missing = static_cast<size_t>(std::ssize(tokens_) - target_->committed(*sequence_));
  if (std::ssize(tokens_) - target_->committed(*sequence_) > kMostCatchUp) {
    PrefillRequest behind;
    behind.sequence = *sequence_, behind.tokens = std::span(tokens_).last(missing).first(missing - 1);
    target_->Prefill(behind);
    missing = 1;
  }
  const std::span<const Token> fed = std::span(tokens_).last(missing);
  chain_.Reset(fed.front());
  for (const Token token : fed.subspan(1)) chain_.Add(static_cast<NodeId>(chain_.size() - 1), token);
  pending_ = static_cast<NodeId>(chain_.size() - 1);
}

std::span<const float> SequenceDrafter::LogitsAfter(const TokenTree& tree, NodeId node) {
  const auto newest = static_cast<NodeId>(chain_.size() - 1);
  if (node > 0) chain_.Add(newest, tree.token(node));
  const ScoreRequest request{.sequence = *sequence_, .tree = &chain_, .first_node = static_cast<NodeId>(scored_)};
  scored_ = chain_.size();
  return target_->Score({&request, 1})[0].Logits(static_cast<NodeId>(scored_ - 1));
}

void SequenceDrafter::EndRound(const RoundView& round) {
  answered_ += std::ssize(round.emitted);
  if (scored_ == 0) return;
  const int64_t accepted = round.own ? std::ssize(round.path) - 1 : 0;
  kept_.resize(static_cast<size_t>(std::min(scored_, pending_ + 1 + accepted)));
  std::iota(kept_.begin(), kept_.end(), NodeId{0});
  target_->Commit(*sequence_, kept_);
  scored_ = 0;
}

}  // namespace longshot
