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
                                 const TreeConfig& tree, const RagConfig& config)
    : ModelDrafter(proposal, tree, config.draft_cost > 0 ? config.draft_cost : RagConfig::kAssumedDraftCost),
      name_(name),
      reads_(reads),
      config_(config) {}

SequenceDrafter::~SequenceDrafter() { Close(); }

void SequenceDrafter::Close() {
  if (sequence_) target_->Close(*sequence_);
  sequence_.reset();
}

void SequenceDrafter::BeginModel(const DraftContext& begun) {
  Close();
  const bool same = reads_ == DraftPrompt::kTarget;
  target_ = begun.draft_target != nullptr || same ? begun.draft_target : begun.target;
  const int64_t given = begun.draft_source != nullptr ? begun.draft_source->most_tokens : 0;
  most_prompt_ = same ? std::ssize(begun.prompt) : given;
  if (most_prompt_ == 0) target_ = nullptr;
  shared_from_ = begun.prompt.size();
  tokens_.clear(), prompt_tokens_ = 0;
  scored_ = 0, answered_ = 0, started_at_ = 0;
  if (target_ == nullptr) return;
  capacity_ = std::min(target_->max_context(), most_prompt_ + begun.max_tokens + begun.max_nodes);
  chain_.Reserve(kMostCatchUp + 1 + begun.max_nodes);
  tokens_.reserve(capacity_), kept_.reserve(chain_.capacity());
}

bool SequenceDrafter::WantsStart(const DraftBudget&) { return target_ != nullptr && (!sequence_ || Stale()); }

bool SequenceDrafter::Stale() const {
  return sequence_ && reads_ == DraftPrompt::kRetrieved && config_.refresh > 0 &&
         answered_ - started_at_ >= config_.refresh;
}

std::span<const Token> SequenceDrafter::FindPrompt(std::span<const Token> history,
                                                   std::span<const Token> answer) const {
  if (reads_ == DraftPrompt::kTarget) return history.first(shared_from_);
  const std::span<const Token> found = context().draft_source->find(sequence_ ? answer : std::span<const Token>());
  CHECK(std::ssize(found) <= most_prompt_, "{} tokens to draft from, at most {} were told", found.size(), most_prompt_);
  return found;
}

void SequenceDrafter::Start(std::span<const Token> history) {
  const std::span<const Token> answer = history.subspan(shared_from_);
  const std::span<const Token> prompt = FindPrompt(history, answer);
  started_at_ = answered_;
  if (sequence_ && std::ranges::equal(prompt, std::span(tokens_).first(prompt_tokens_))) return;
  const auto same = std::ranges::mismatch(prompt, std::span(tokens_).first(prompt_tokens_)).in1 - prompt.begin();
  prompt_tokens_ = prompt.size();
  tokens_.assign(prompt.begin(), prompt.end());
  tokens_.insert(tokens_.end(), answer.begin(), answer.end());
  if (sequence_) target_->Truncate(*sequence_, std::min(target_->committed(*sequence_), static_cast<int64_t>(same)));
  // A text that its model cannot hold is none to draft from.
  const bool complete = !prompt.empty() && std::ssize(tokens_) < capacity_ && Read();
  if (complete) return;
  Close();
  target_ = nullptr;
}

bool SequenceDrafter::Read() {
  const DraftSource* source = reads_ == DraftPrompt::kRetrieved ? context().draft_source : nullptr;
  const std::span<const Token> prompt = std::span(tokens_).first(prompt_tokens_);
  const bool first = !sequence_;
  if (first) {
    sequence_ = target_->Open(capacity_);
    if (source != nullptr && source->restore) source->restore(*sequence_, prompt);
  }
  PrefillRequest prefill;
  prefill.sequence = *sequence_;
  prefill.tokens = std::span(tokens_).first(tokens_.size() - 1).subspan(target_->committed(*sequence_));
  if (context().interrupted) prefill.progress = [&](int64_t, int64_t) { return !context().interrupted(); };
  if (!prefill.tokens.empty() && !target_->Prefill(prefill)) return false;
  if (first && source != nullptr && source->keep) source->keep(*sequence_, prompt);
  return true;
}

int64_t SequenceDrafter::bytes() const {
  return ModelDrafter::bytes() + (sequence_ ? target_->BytesOf(*sequence_) : 0);
}

int64_t SequenceDrafter::room() const {
  if (target_ == nullptr) return 0;
  const int64_t prompt = sequence_ ? static_cast<int64_t>(prompt_tokens_) : most_prompt_;
  const int64_t left = capacity_ - prompt - answered_ - 1;
  return std::max<int64_t>(0, std::min(left, target_->max_rows() - kMostCatchUp - 1));
}

std::optional<Prospect> SequenceDrafter::Foresee(const DraftBudget& budget) const {
  std::optional<Prospect> prospect = ModelDrafter::Foresee(budget);
  if (target_ == nullptr || (sequence_ && !Stale())) return prospect;
  prospect->started = sequence_.has_value();
  const double told = config_.read_cost > 0 ? config_.read_cost : RagConfig::kAssumedReadCost;
  const auto read = static_cast<double>(most_prompt_ + answered_);
  prospect->start_cost = read * (budget.read_cost > 0 ? budget.read_cost : told);
  return prospect;
}

void SequenceDrafter::BeginRound(std::span<const Token> history) {
  CHECK(sequence_, "{} was asked before it was started", name_);
  const size_t known = shared_from_ + tokens_.size() - prompt_tokens_;
  tokens_.insert(tokens_.end(), history.begin() + static_cast<std::ptrdiff_t>(known), history.end());
  int64_t missing = std::ssize(tokens_) - target_->committed(*sequence_);
  if (missing > kMostCatchUp) {
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

void SequenceDrafter::EndRound(const RoundView& round, int64_t accepted) {
  answered_ += std::ssize(round.emitted);
  if (scored_ == 0) return;
  kept_.resize(static_cast<size_t>(std::min(scored_, pending_ + 1 + accepted)));
  std::iota(kept_.begin(), kept_.end(), NodeId{0});
  target_->Commit(*sequence_, kept_);
  scored_ = 0;
}

}  // namespace longshot
