#include "runtime/engine/generation.h"

#include <algorithm>

#include "core/error.h"
#include "kernels/top_k.h"

namespace longshot {
namespace {

/// Draws belong to the request's only sequence: the target's slot number is not part of their key.
constexpr SequenceId kNoiseSequence = 0;

int64_t TokenLimit(const GenerateRequest& request, const Target& target) {
  const int64_t room = target.max_context() - static_cast<int64_t>(request.prompt.size());
  return request.max_tokens < 0 ? room : request.max_tokens;
}

/// Rows for everything that may be committed and for the widest tree on top, as far as the context goes.
int64_t Capacity(const GenerateRequest& request, const Target& target) {
  const int64_t tokens = static_cast<int64_t>(request.prompt.size()) + TokenLimit(request, target);
  return tokens + std::min(target.max_context() - tokens, request.draft.max_nodes);
}

}  // namespace

Generation::Generation(const Parts& parts, const GenerateRequest& request, GenerateResult& result)
    : parts_(parts),
      request_(request),
      result_(result),
      sampler_(parts.verifier->LawsFor(request.sampling),
               static_cast<int64_t>(request.prompt.size()) + TokenLimit(request, *parts.target)),
      noise_{request.seed, kNoiseSequence},
      taps_(parts.drafter->Needs()),
      limit_(TokenLimit(request, *parts.target)),
      sequence_(parts.target, Capacity(request, *parts.target)),
      watch_(request.now_ms),
      sizes_(request.draft),
      history_(request.prompt.begin(), request.prompt.end()),
      laws_(&sampler_) {
  CHECK(taps_.top_k >= 0 && taps_.top_k <= kMaxTopKIds, "drafter {} asks for top {}", parts.drafter->name(),
        taps_.top_k);
  Reserve();
}

void Generation::Reserve() {
  const int64_t nodes = 1 + request_.draft.max_nodes,
                depth = std::min(request_.draft.max_nodes, request_.draft.max_depth);
  history_.reserve(history_.size() + limit_);
  result_.tokens.reserve(limit_);
  result_.proposers.reserve(limit_);
  result_.metrics.Reserve(depth);
  tree_.Reserve(nodes);
  laws_.Reserve(depth);
  verdict_.path.reserve(depth + 1);
  top_.reserve(nodes * taps_.top_k);
}

void Generation::Restore() {
  if (!request_.restore) return;
  watch_.LapMs();
  Announce(Phase::kRestore);
  const int64_t rows = request_.restore(sequence_.id());
  result_.metrics.cached_tokens = rows;
  CHECK(rows >= 0 && rows < std::ssize(request_.prompt) && parts_.target->committed(sequence_.id()) == rows,
        "{} rows restored, {} committed, {} tokens of prompt", rows, parts_.target->committed(sequence_.id()),
        request_.prompt.size());
  result_.metrics.time_ms.restore += watch_.LapMs();
}

void Generation::Keep() {
  if (request_.keep) request_.keep(sequence_.id());
}

bool Generation::Prefill() {
  Restore();
  PrefillTap tap;
  PrefillRequest prefill;
  prefill.sequence = sequence_.id();
  prefill.tokens = request_.prompt.first(request_.prompt.size() - 1).subspan(result_.metrics.cached_tokens);
  prefill.progress = request_.on_prefill;
  if (taps_.top_k > 0 && taps_.prefill_rows > 0) {
    prefill.tap_rows = taps_.prefill_rows;
    prefill.tap_k = taps_.top_k;
    prefill.tap = &tap;
  }
  watch_.LapMs();
  Announce(Phase::kPrefill);
  const bool complete = prefill.tokens.empty() || parts_.target->Prefill(prefill);
  result_.metrics.time_ms.prefill += watch_.LapMs();
  if (!complete) {
    result_.metrics.prompt_tokens = parts_.target->committed(sequence_.id());  // what the time was spent on
    Stop(StopReason::kInterrupted);
    return false;
  }
  CHECK(parts_.target->committed(sequence_.id()) == std::ssize(request_.prompt) - 1);
  Announce(Phase::kPrefillDraft);
  parts_.drafter->Begin({.target = parts_.target,
                         .sequence = sequence_.id(),
                         .prompt = request_.prompt,
                         .draft_source = request_.draft_source,
                         .draft_target = request_.draft_target,
                         .max_tokens = limit_,
                         .interrupted = request_.interrupted,
                         .prefill = prefill.tap,
                         .sampler = &sampler_,
                         .noise = noise_,
                         .coupled = parts_.verifier->coupled(),
                         .argmax = parts_.verifier->argmax(),
                         .trees = parts_.verifier->trees(),
                         .seed = request_.seed,
                         .max_nodes = request_.draft.max_nodes});
  result_.metrics.time_ms.prefill_draft += watch_.LapMs();
  return true;
}

bool Generation::Round() {
  if (request_.interrupted && request_.interrupted()) {
    Stop(StopReason::kInterrupted);
    return false;
  }
  PhaseTimes& time = result_.metrics.time_ms;
  watch_.LapMs();
  if (round_ == 1 && request_.size_drafts) SizeDrafts();
  time.sizing += watch_.LapMs();
  const DraftBudget budget = Budget();
  StartDrafter(budget);
  Announce(Phase::kDraft);
  Propose(budget);
  draft_ms_ = watch_.LapMs();
  time.draft += draft_ms_;
  Announce(Phase::kScore);
  Score();
  pass_ms_ = watch_.LapMs();
  time.score += pass_ms_;
  Announce(Phase::kVerify);
  laws_.Bind(scored_, &tree_, history_);
  KeyedRandom random(request_.seed, kNoiseSequence, round_);
  parts_.verifier->Verify(tree_, laws_, noise_, random, verdict_);
  result_.metrics.law_shift += verdict_.shift;
  time.verify += watch_.LapMs();
  Emit();
  watch_.LapMs();
  Announce(Phase::kCommit);
  parts_.target->Commit(sequence_.id(), verdict_.path);
  time.commit += watch_.LapMs();
  Announce(Phase::kDraft);
  Observe();
  time.draft += watch_.LapMs();
  ++round_;
  return !stopped_;
}

void Generation::SizeDrafts() {
  Announce(Phase::kSizing);
  sizes_ = request_.size_drafts(sequence_.id());
  CHECK(sizes_.max_nodes <= request_.draft.max_nodes && sizes_.max_depth <= request_.draft.max_depth,
        "proposals of {} nodes to depth {}, room is for {} and {}", sizes_.max_nodes, sizes_.max_depth,
        request_.draft.max_nodes, request_.draft.max_depth);
}

DraftBudget Generation::Budget() const {
  const int64_t rows = std::min(parts_.target->max_rows(), sequence_.free_rows());
  CHECK(rows >= 1, "no room for the pending token");
  DraftBudget budget{.max_nodes = std::min(sizes_.max_nodes, rows - 1),
                     .max_depth = std::min(sizes_.max_depth, remaining() - 1),
                     .round = round_,
                     .remaining = remaining(),
                     .cost = sizes_.cost,
                     .pass_cost = sizes_.pass_cost,
                     .own_pass_cost = sizes_.own_pass_cost,
                     .read_cost = sizes_.read_cost};
  // The first token comes as early as plain decoding's, however proposals are sized.
  if (round_ == 0 || budget.max_depth == 0) budget.max_nodes = 0;
  return budget;
}

void Generation::StartDrafter(const DraftBudget& budget) {
  if (budget.max_nodes == 0 || !parts_.drafter->WantsStart(budget)) return;
  const bool begins = round_ <= 1;  // later, in the middle of an answer, it is a part of decoding
  Announce(begins ? Phase::kPrefillDraft : Phase::kDraft);
  parts_.drafter->Start(history_);
  PhaseTimes& time = result_.metrics.time_ms;
  (begins ? time.prefill_draft : time.draft) += watch_.LapMs();
}

void Generation::Propose(const DraftBudget& budget) {
  tree_.Reset(history_.back());
  if (budget.max_nodes == 0) return;
  parts_.drafter->Propose(history_, budget, tree_);
  CHECK(tree_.token(0) == history_.back() && tree_.size() - 1 <= budget.max_nodes &&
            tree_.max_depth() <= budget.max_depth,
        "drafter {} proposed {} nodes to depth {}, allowed are {} and {}", parts_.drafter->name(), tree_.size() - 1,
        tree_.max_depth(), budget.max_nodes, budget.max_depth);
}

void Generation::Score() {
  const ScoreRequest request{.sequence = sequence_.id(), .tree = &tree_};
  const auto scored = parts_.target->Score({&request, 1});
  CHECK(scored.size() == 1 && scored[0].first() == 0 && scored[0].count() == tree_.size());
  scored_ = scored[0];
}

void Generation::Emit() {
  const size_t verified = verdict_.path.size();
  CHECK(verified >= 1 && verdict_.path[0] == 0 && verdict_.next != kNoToken);
  size_t emitted = 0;
  while (emitted < verified && !stopped_) {
    const bool drafted = emitted + 1 < verified;
    const Token token = drafted ? tree_.token(verdict_.path[emitted + 1]) : verdict_.next;
    ++emitted;
    history_.push_back(token);
    EmitToken(token, drafted ? parts_.drafter->proposer() : std::string_view());
  }
  // The last token handed out is the pending one, so its node, if it has one, is not committed.
  verdict_.path.resize(emitted);
  const auto accepted = static_cast<int64_t>(std::min(emitted, verified - 1));
  result_.metrics.AddRound(tree_.size() - 1, tree_.max_depth(), accepted, static_cast<int64_t>(emitted));
}

void Generation::EmitToken(Token token, std::string_view proposer) {
  const auto& ends = request_.end_tokens;
  if (!request_.ignore_eos && std::find(ends.begin(), ends.end(), token) != ends.end()) {
    return Stop(StopReason::kEndOfGeneration);
  }
  result_.tokens.push_back(token);
  result_.proposers.push_back(proposer);
  if (request_.on_token && !request_.on_token(token)) return Stop(StopReason::kStopString);
  if (remaining() == 0) Stop(request_.max_tokens < 0 ? StopReason::kContextFull : StopReason::kLength);
}

void Generation::Observe() {
  const int top_k = taps_.top_k > 0 && parts_.drafter->WantsTop() ? taps_.top_k : 0;
  top_.resize(tree_.size() * top_k);
  for (NodeId node = 0; top_k > 0 && node < tree_.size(); ++node) {
    TopKIds(scored_.Logits(node), std::span(top_).subspan(node * top_k, top_k));
  }
  parts_.drafter->Observe({.tree = &tree_,
                           .path = verdict_.path,
                           .emitted = std::span(history_).last(verdict_.path.size()),
                           .top_k = top_k,
                           .top = top_,
                           .draft_ms = draft_ms_,
                           .pass_ms = pass_ms_});
}

void Generation::Stop(StopReason reason) {
  result_.stop = reason;
  stopped_ = true;
}

}  // namespace longshot
