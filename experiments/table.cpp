#include "experiments/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "tasks/task.h"

namespace longshot {
namespace {

using nlohmann::json;

/// The cell of plain decoding that answers the same question with the same seed.
class Baselines {
 public:
  explicit Baselines(const std::vector<const json*>& cells) {
    for (const json* cell : cells) {
      if ((*cell)["method"] == "none") plain_.emplace(KeyOf(*cell), cell);
    }
  }
  const json* Of(const json& cell) const {
    const auto found = plain_.find(KeyOf(cell));
    return found == plain_.end() ? nullptr : found->second;
  }

 private:
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t>;
  static Key KeyOf(const json& cell) {
    const json& place = cell["place"];
    return {place[0], place[1], place[2], place[3]};
  }
  std::map<Key, const json*> plain_;
};

double Emitted(const json& cell) { return cell["metrics"]["emitted_tokens"]; }
double DecodeMs(const json& cell) { return cell["timings"]["predicted_ms"]; }
/// Reading the prompt, what the drafter does with it and looks for, and decoding.
double LatencyMs(const json& cell) {
  const json& phases = cell["phases_ms"];
  const double retrieval = cell.contains("retrieval") ? cell["retrieval"].value("ms", 0.0) : 0.0;
  return cell["prefill_ms"].get<double>() + retrieval + phases.value("prefill_draft", 0.0) + DecodeMs(cell);
}

/// Cells of one line.
class LineMaker {
 public:
  LineMaker(std::vector<const json*> cells, const Baselines& baselines)
      : cells_(std::move(cells)), baselines_(baselines) {}

  TableLine Make() {
    const json& first = *cells_.front();
    line_.axes = first["axes"];
    line_.task = first["task"], line_.drafter = first["drafter"], line_.method = first["method"];
    line_.exactness = first["exactness"];
    line_.cells = std::ssize(cells_);
    line_.looping = std::count_if(cells_.begin(), cells_.end(), [](const json* c) { return (*c)["looping"] == true; });
    const bool all = line_.cells - line_.looping < kFewestPairs;
    for (const json* cell : cells_) {
      Count(*cell);
      if (all || (*cell)["looping"] == false) Measure(*cell);
    }
    Finish();
    return line_;
  }

 private:
  void Count(const json& cell) {
    if (cell["failed"] != "") ++line_.failed;
    const json* plain = baselines_.Of(cell);
    if (plain != nullptr) ++line_.compared;
    if (plain != nullptr && (*plain)["output_sha256"] != cell["output_sha256"]) ++line_.different;
    line_.tokens += cell["timings"]["predicted_n"].get<int64_t>();
    line_.prompt_tokens += cell["prompt_tokens"].get<double>() / static_cast<double>(line_.cells);
    line_.draft_bytes = std::max(line_.draft_bytes, cell["memory_bytes"].value("draft_held", 0.0));
    line_.reading_ms += cell["prefill_ms"].get<double>() / static_cast<double>(line_.cells);
    if (cell.contains("score")) line_.metric = cell["metric"], scores_.push_back(cell["score"]);
  }

  void Measure(const json& cell) {
    const json& metrics = cell["metrics"];
    const double emitted = Emitted(cell);
    if (emitted == 0) return;
    ms_per_token_.push_back(DecodeMs(cell) / emitted);
    taus_.push_back(metrics["mean_acceptance_length"]);
    emitted_ += emitted;
    passes_ += metrics["target_passes"].get<double>();
    line_.law_shift += metrics.value("law_shift", 0.0);
    drafts_ += metrics["spec_decode_num_drafts"].get<double>();
    if (!metrics["arms"].empty()) chooser_passes_ += metrics["target_passes"].get<double>();
    AddTo(accepted_, metrics["spec_decode_num_accepted_tokens_per_pos"].get<std::vector<double>>());
    for (const auto& [phase, ms] : cell["phases_ms"].items()) line_.phases_ms[phase] += ms.get<double>();
    if (cell.contains("retrieval")) line_.phases_ms["retrieval"] += cell["retrieval"].value("ms", 0.0);
    const json* plain = baselines_.Of(cell);
    if (plain == nullptr || DecodeMs(cell) <= 0 || Emitted(*plain) == 0) return;
    // Per token: under rejection the two answers differ in length.
    const double tokens = emitted / Emitted(*plain);
    decode_.push_back(DecodeMs(*plain) * tokens / DecodeMs(cell));
    latency_.push_back((LatencyMs(*plain) + DecodeMs(*plain) * (tokens - 1)) / LatencyMs(cell));
    prompts_.insert(cell["prompt_sha256"].get<std::string>());
  }

  void Finish() {
    line_.pairs = std::ssize(decode_);
    line_.prompts = std::ssize(prompts_);
    line_.ms_per_token = Median(ms_per_token_);
    line_.decode = IntervalOf(decode_), line_.latency = IntervalOf(latency_);
    line_.tau_pooled = passes_ > 0 ? emitted_ / passes_ : 0;
    line_.tau_mean = Mean(taus_);
    for (const double accepted : accepted_) line_.acceptance.push_back(drafts_ > 0 ? accepted / drafts_ : 0);
    line_.scored = std::ssize(scores_);
    line_.score = line_.metric == Name(TaskMetric::kPerplexity) ? GeometricMean(scores_) : Mean(scores_);
    for (auto& [phase, ms] : line_.phases_ms) ms /= std::max(1.0, emitted_);
    line_.law_shift /= std::max(1.0, emitted_);
    if (chooser_passes_ > 0) line_.bypassed = 1 - drafts_ / chooser_passes_;
  }

  std::vector<const json*> cells_;
  const Baselines& baselines_;
  TableLine line_;
  std::vector<double> ms_per_token_, taus_, decode_, latency_, accepted_, scores_;
  std::set<std::string> prompts_;
  double emitted_ = 0, passes_ = 0, drafts_ = 0, chooser_passes_ = 0;
};

}  // namespace

std::vector<const json*> OrderedCells(const CellStore& store) {
  std::vector<const json*> cells = store.All();
  std::sort(cells.begin(), cells.end(), [](const json* a, const json* b) { return (*a)["place"] < (*b)["place"]; });
  return cells;
}

std::vector<TableLine> MakeTable(const CellStore& store) {
  const std::vector<const json*> cells = OrderedCells(store);
  const Baselines baselines(cells);
  std::map<std::tuple<int64_t, int64_t, int64_t>, std::vector<const json*>> groups;
  for (const json* cell : cells) {
    const json& place = (*cell)["place"];
    groups[{place[0], place[1], place[4]}].push_back(cell);
  }
  std::vector<TableLine> lines;
  for (auto& [key, group] : groups) lines.push_back(LineMaker(std::move(group), baselines).Make());
  return lines;
}

json ToJson(const TableLine& line) {
  json result = {{"axes", line.axes},
                 {"task", line.task},
                 {"drafter", line.drafter},
                 {"method", line.method},
                 {"exactness", line.exactness},
                 {"cells", line.cells},
                 {"looping_cells", line.looping},
                 {"failed_cells", line.failed},
                 {"different_outputs", line.different},
                 {"compared_cells", line.compared},
                 {"pairs", line.pairs},
                 {"prompts", line.prompts},
                 {"tokens", line.tokens},
                 {"prompt_tokens", line.prompt_tokens},
                 {"ms_per_token", line.ms_per_token},
                 {"mean_acceptance_length_pooled", line.tau_pooled},
                 {"mean_acceptance_length_of_requests", line.tau_mean},
                 {"acceptance_rate_per_position", line.acceptance},
                 {"phases_ms_per_token", line.phases_ms},
                 {"reading_ms", line.reading_ms},
                 {"draft_bytes", line.draft_bytes},
                 {"law_shift_per_token", line.law_shift},
                 {"bypassed_share", line.bypassed}};
  if (line.scored > 0) result["score"] = line.score, result["metric"] = line.metric, result["scored"] = line.scored;
  if (line.pairs >= kFewestPairs && line.prompts >= kFewestPrompts && line.failed == 0) {
    result["decode_speedup"] = ToJson(line.decode), result["latency_speedup"] = ToJson(line.latency);
  }
  return result;
}

std::string AxesText(const json& axes) {
  std::string text;
  for (const auto& [key, value] : axes.items()) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value.get<std::string>());
  }
  return text.empty() ? "all" : text;
}

}  // namespace longshot
