#include "experiments/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/sha256.h"
#include "core/stopwatch.h"
#include "session/build_info.h"
#include "session/draft_text.h"
#include "session/cached_prompt.h"
#include "session/idle_drafter.h"
#include "session/interrupt.h"
#include "session/likelihood.h"
#include "session/loaded_target.h"
#include "session/output.h"
#include "session/report.h"
#include "session/roofs.h"
#include "session/session.h"
#include "tasks/metrics.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

using nlohmann::json;

/// "3:05", "1:02:03".
std::string Duration(double ms) {
  const auto seconds = static_cast<int64_t>(ms / 1000);
  if (seconds >= 3600) return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

/// A file with the rows of the prompt that was read last, for the cells that ask about it too; gone with the object.
class SharedPrompt {
 public:
  explicit SharedPrompt(const std::string& folder) : path_(folder + "/prompt.cache") { Forget(); }
  ~SharedPrompt() { Forget(); }
  SharedPrompt(const SharedPrompt&) = delete;
  SharedPrompt& operator=(const SharedPrompt&) = delete;
  const std::string& path() const { return path_; }
  /// Prompts about another document are read from their first token: what they take is measured, not shared.
  void About(const std::string& document) {
    if (document != document_) Forget();
    document_ = document;
  }
  /// A killed run may have left one too.
  void Forget() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

 private:
  std::string path_, document_;
};

/// Who proposed what, as runs of tokens and their text: [["", 1, "The"], ["copy", 7, " passkey is 4821"], ...].
json RunsOf(const GenerateResult& result, const Tokenizer& tokenizer) {
  json runs = json::array();
  const std::vector<std::string_view>& proposers = result.proposers;
  size_t told = 0;  // bytes of text: a run by itself would lose its leading space in some vocabularies
  for (size_t i = 0; i < proposers.size();) {
    size_t end = i;
    while (end < proposers.size() && proposers[end] == proposers[i]) ++end;
    const std::string text = tokenizer.Decode(std::span(result.tokens).first(end));
    runs.push_back({std::string(proposers[i]), end - i, text.substr(std::min(told, text.size()))});
    told = text.size();
    i = end;
  }
  return runs;
}

/// The answers of one loaded model.
class ModelRun {
 public:
  ModelRun(const Plan& plan, size_t model, CellStore& store, SharedPrompt& shared)
      : plan_(plan),
        store_(store),
        shared_(shared),
        runtime_(plan.models[model].runtime),
        tokenizer_(LoadTokenizer(*plan.models[model].file)),
        loaded_(LoadTarget(runtime_, plan.models[model].file, plan.models[model].config,
                           {.context = plan.models[model].context,
                            .draft_bytes = plan.models[model].draft_bytes,
                            .draft_tokens = plan.models[model].draft_tokens,
                            .draft_optional = !plan.models[model].names_text})),
        model_sha256_(loaded_.model->file().Sha256()),
        tap_rows_(MostTapRows()) {}

  /// One cell, saved. False when it was interrupted.
  bool Make(const Cell& cell) {
    const Question& question = plan_.questions[cell.question];
    return MetricOf(plan_.TaskOf(question)) == TaskMetric::kPerplexity ? MakeScored(cell) : MakeAnswered(cell);
  }

 private:
  /// A text that is predicted: its perplexity is the answer.
  bool MakeScored(const Cell& cell) {
    const Question& question = plan_.questions[cell.question];
    const int64_t half = std::ssize(question.prompt) / 2;
    const Likelihood total = ScoreTokens(*loaded_.target, question.prompt, half, [] { return !Interrupted(); });
    if (Interrupted()) return false;
    Answer answer;
    answer.text = fmt::format("perplexity {:.6f} +/- {:.6f} over {} tokens", total.Perplexity(),
                              total.Perplexity() * total.StandardError(), total.count);
    answer.sha256 = Sha256Hex(answer.text);
    const auto drafter = MakeDrafter(plan_.DrafterOf(cell));
    json json = CellJson(cell, OptionsOf(cell), answer, *drafter);
    json["metric"] = Name(TaskMetric::kPerplexity);
    json["score"] = total.Perplexity();
    store_.Put(std::move(json));
    return true;
  }

  /// What decides a cell's answer.
  GenerateOptions OptionsOf(const Cell& cell) const {
    GenerateOptions options = plan_.settings[plan_.questions[cell.question].setting].options;
    options.runtime = runtime_;
    options.drafter = plan_.DrafterOf(cell);
    if (const auto known = plan_.resolved.find(cell.id); known != plan_.resolved.end()) {
      FromJson(known->second, BindFields(options.drafter));
    }
    return options;
  }

  bool MakeAnswered(const Cell& cell) {
    const Question& question = plan_.questions[cell.question];
    GenerateOptions options = OptionsOf(cell);
    const auto drafter = MakeDrafter(options.drafter);
    const auto verifier = MakeVerifier(options.answer.verify, options.answer.margin, options.sampling.temperature);
    Engine engine(loaded_.target.get(), verifier.get(), drafter.get());
    shared_.About(question.document_sha256);
    CachedPrompt cache(shared_.path(), SharedRows(question.prompt, tap_rows_), *loaded_.target,
                       /*tells=*/false);
    const AskedPrompt asked = AskedOf(question);
    AnswerDraftText text(RetrievalFor(options.drafter), options.drafter, asked, options.prompt,
                         BudgetInputsOf(loaded_.model->file(), runtime_, std::ssize(question.prompt)));
    if (!loaded_.has_draft_room) text.Drop();
    try {
      text.FindBeforehand();
    } catch (const EmbedStopped&) {
      return false;
    }
    AnswerRequest request{.prompt = question.prompt,
                          .draft_source = text.source(),
                          .sampling = options.sampling,
                          .seed = plan_.SeedOf(cell),
                          .max_tokens = options.answer.n_predict,
                          .ignore_eos = options.answer.ignore_eos,
                          .stops = options.answer.stops,
                          .restore = [&](SequenceId sequence) { return cache.Restore(sequence); },
                          .keep = [&](SequenceId sequence) { cache.Keep(sequence); },
                          .on_text = {}};
    SizeDrafts(*loaded_.target, options.drafter, request);
    const Answer answer = RunAnswer(engine, tokenizer_, request);
    if (answer.result.stop == StopReason::kInterrupted) return false;
    json json = CellJson(cell, options, answer, *drafter);
    Judge(question, options, answer, json);
    if (!text.text().prompt.empty()) json["retrieval"] = text.text().ToJson();
    store_.Put(std::move(json));
    return true;
  }

  static AskedPrompt AskedOf(const Question& question) {
    AskedPrompt asked{.documents = {}, .question = question.sample.question, .given = question.sample.given};
    if (!question.sample.document.empty()) asked.documents = {{.path = "document", .text = question.sample.document}};
    return asked;
  }

  /// What finds passages for a drafter; nullptr where it reads none. It keeps the index of a document for the other
  /// questions and drafters. Where passages are looked for beforehand each is charged for it all the same; in the
  /// middle of an answer it is two or three passes, and the first one's. No run leaves an index for the next.
  DraftRetrieval* RetrievalFor(const DrafterConfig& config) {
    if (!ReadsDraftText(config)) return nullptr;
    DrafterConfig shared = config;
    shared.retrieval.budget = RetrievalConfig().budget, shared.retrieval.query.clear();
    if (shared.retrieval.cache.empty()) shared.retrieval.cache = "off";
    auto& retrieval =
        retrievals_[fmt::format("{}{}", LooksInAnswer(shared), ToJson(BindFields(shared.retrieval)).dump())];
    if (retrieval == nullptr) retrieval = OpenRetrieval(shared, runtime_.threads, tokenizer_);
    return retrieval.get();
  }

  int64_t MostTapRows() const {
    int64_t rows = 0;
    for (const DrafterVariant& variant : plan_.experiment.drafters) {
      for (const Setting& setting : plan_.settings) {
        rows = std::max<int64_t>(rows, MakeDrafter(DrafterOf(variant, setting))->Needs().prefill_rows);
      }
    }
    return rows;
  }

  /// What a cell is, what it ran on, and the answer.
  json CellJson(const Cell& cell, GenerateOptions options, const Answer& answer, const Drafter& drafter) {
    const Question& question = plan_.questions[cell.question];
    const Exactness rule = MakeVerifier(options.answer.verify, options.answer.margin)->exactness();
    json json = AnswerJson(answer);
    json["id"] = cell.id;
    json["axes"] = json::object();
    for (const auto& [key, value] : plan_.settings[question.setting].axes) json["axes"][key] = value;
    json["task"] = plan_.TaskOf(question).name;
    json["sample"] = question.sample.id;
    json["place"] = {question.setting, question.task, question.number, cell.repetition, cell.drafter};
    json["question"] = question.sample.question;
    json["given"] = question.sample.given;
    json["drafter"] = plan_.experiment.drafters[cell.drafter].name;
    json["method"] = options.drafter.type;
    json["repetition"] = cell.repetition;
    json["seed"] = plan_.SeedOf(cell);
    json["prompt_tokens"] = question.prompt.size();
    json["prompt_sha256"] = question.prompt_sha256;
    json["settings"] = ConfigJson(options.Sections());
    json["exactness"] = Name(std::max(rule, DrafterChoice(options.drafter.type).exactness()));
    json["proposers"] = RunsOf(answer.result, tokenizer_);
    json["draft_plan"] = answer.draft.ToJson();
    json["memory_bytes"] = loaded_.memory.ToJson();
    json["memory_bytes"]["draft_held"] = drafter.bytes();
    json["model_sha256"] = model_sha256_;
    json["build"] = BuildJson();
    json["device"] = DeviceJson(loaded_.backend->Describe());
    json["prefill_ms"] = ReadingMs(question, answer);
    json["metric"] = Name(TaskMetric::kNone);
    json["failed"] = "";
    return json;
  }

  /// Its score, and whether its drafter did anything.
  void Judge(const Question& question, const GenerateOptions& options, const Answer& answer, json& json) {
    const TaskMetric metric = MetricOf(plan_.TaskOf(question));
    if (metric != TaskMetric::kNone && !question.sample.references.empty()) {
      json["metric"] = Name(metric);
      json["score"] = Score(metric, answer.text, question.sample);
    }
    const std::string& type = options.drafter.type;
    const GenerationMetrics& metrics = answer.result.metrics;
    const bool proposed = metrics.num_drafts > 0 || type == "none" || DrafterChoice(type).chooses();
    if (!proposed && metrics.target_passes > 1) {
      json["failed"] = ExplainIdleDrafter(type, metrics.idle, metrics.target_passes);
    }
    if (!metrics.arms.empty()) {
      json["choices"] = ExplainChoices(type, metrics.arms, metrics.idle, metrics.target_passes);
    }
  }

  /// What reading the whole prompt takes: what was read, and rows taken from the cache at the rate of the prompt about
  /// the same document that was read from its first token.
  double ReadingMs(const Question& question, const Answer& answer) {
    const GenerationMetrics& metrics = answer.result.metrics;
    if (metrics.prompt_tokens == 0) return 0;  // nothing was answered
    if (metrics.cached_tokens == 0) {
      reading_ms_per_token_ = metrics.time_ms.prefill / static_cast<double>(question.prompt.size());
    }
    return metrics.time_ms.prefill + reading_ms_per_token_ * static_cast<double>(metrics.cached_tokens);
  }

  const Plan& plan_;
  CellStore& store_;
  SharedPrompt& shared_;
  RuntimeOptions runtime_;
  Tokenizer tokenizer_;
  LoadedTarget loaded_;
  std::string model_sha256_;
  int64_t tap_rows_;
  std::map<std::string, std::unique_ptr<DraftRetrieval>> retrievals_;  ///< by settings
  double reading_ms_per_token_ = 0;
};

/// Cells in the order in which they are made: by model, question and repetition, each repetition of a question begun by
/// another drafter.
std::vector<const Cell*> OrderOf(const Plan& plan) {
  std::vector<const Cell*> order;
  for (const Cell& cell : plan.cells) order.push_back(&cell);
  const auto drafters = static_cast<int64_t>(plan.experiment.drafters.size());
  const auto turn = [&](const Cell& cell) {
    const auto start = (static_cast<int64_t>(cell.question) + cell.repetition) % drafters;
    return (static_cast<int64_t>(cell.drafter) - start + drafters) % drafters;
  };
  const auto key = [&](const Cell* cell) {
    return std::tuple(plan.questions[cell->question].model, cell->question, cell->repetition, turn(*cell));
  };
  std::stable_sort(order.begin(), order.end(), [&](const Cell* a, const Cell* b) { return key(a) < key(b); });
  return order;
}

double Parameters(const ModelFile& file) {
  double parameters = 0;
  for (const TensorInfo& tensor : file.tensors()) parameters += static_cast<double>(tensor.elements());
  return parameters;
}

std::string Title(const Plan& plan, const Cell& cell) {
  const Question& question = plan.questions[cell.question];
  std::string axes;
  for (const auto& [name, value] : plan.settings[question.setting].axes) axes += fmt::format(" {}={}", name, value);
  return fmt::format("{}/{}{}, run {}: {}", plan.TaskOf(question).name, question.sample.id, axes, cell.repetition + 1,
                     plan.experiment.drafters[cell.drafter].name);
}

/// "8.3 ms/token"; of a text that was scored "perplexity 23.38".
std::string ResultText(const json& cell) {
  if (cell["metric"] == Name(TaskMetric::kPerplexity)) {
    return fmt::format("perplexity {:.2f}", cell["score"].get<double>());
  }
  const double tokens = cell["timings"]["predicted_n"];
  return fmt::format("{:.1f} ms/token", cell["timings"]["predicted_ms"].get<double>() / std::max(1.0, tokens));
}

}  // namespace

RunOutcome RunPlan(const Plan& plan, CellStore& store) {
  RunOutcome outcome;
  const std::vector<const Cell*> order = OrderOf(plan);
  const int64_t missing = std::count_if(order.begin(), order.end(), [&](const Cell* c) { return !store.Has(c->id); });
  SharedPrompt shared(store.folder());
  std::unique_ptr<ModelRun> run;
  size_t model = 0;
  Stopwatch watch;
  double spent_ms = 0;
  for (const Cell* cell : order) {
    if (store.Has(cell->id)) continue;
    const size_t needed = plan.questions[cell->question].model;
    if (run == nullptr || model != needed) {
      run.reset();  // one model at a time
      run = std::make_unique<ModelRun>(plan, needed, store, shared);
      shared.Forget();  // rows of another model
      model = needed;
      watch.LapMs();
    }
    if (Interrupted() || !run->Make(*cell)) {
      outcome.interrupted = true;
      break;
    }
    ++outcome.made;
    spent_ms += watch.LapMs();
    const double left_ms = spent_ms / static_cast<double>(outcome.made) * static_cast<double>(missing - outcome.made);
    const json& made = store.Get(cell->id);
    Note(fmt::format("[{}/{}] {}: {}, {} left", outcome.made, missing, Title(plan, *cell), ResultText(made),
                     Duration(left_ms)));
  }
  for (const Cell& cell : plan.cells) {
    if (store.Has(cell.id) && store.Get(cell.id)["failed"] != "") ++outcome.failed;
  }
  return outcome;
}

std::string DescribePlan(const Plan& plan, const CellStore* store) {
  std::string text = fmt::format("experiment {}: {} settings, {} questions, {} repetitions, {} drafters: {} cells\n",
                                 plan.experiment.head.name, plan.settings.size(), plan.questions.size(),
                                 plan.experiment.head.repetitions, plan.experiment.drafters.size(), plan.cells.size());
  double total_ms = 0;
  int64_t left = 0;
  for (size_t m = 0; m < plan.models.size(); ++m) {
    PlannedModel model = plan.models[m];
    const auto backend = MakeBackend(model.runtime, *model.file);
    const MemoryTable memory =
        PlanMemory(*backend, *model.file,
                   RequestFor(TargetOptions(model.runtime, model.context), model.draft_bytes, model.draft_tokens));
    text += fmt::format("{}, context {}, KV {}/{}\n  {}\n", model.runtime.file.model, model.context,
                        model.runtime.cache_type_k, model.runtime.cache_type_v, memory.Line());
    const Roofs roofs = ProbeRoofs(*backend);
    const double flops_per_token = 2 * Parameters(*model.file);
    std::set<size_t> read;
    for (const Cell& cell : plan.cells) {
      const Question& question = plan.questions[cell.question];
      if (question.model != m || (store != nullptr && store->Has(cell.id))) continue;
      ++left;
      const auto tokens = static_cast<double>(question.prompt.size());
      const double kv = static_cast<double>(memory.target_kv) * tokens / static_cast<double>(model.context);
      const auto answer = static_cast<double>(plan.settings[question.setting].options.answer.n_predict);
      constexpr double kShareOfRoof = 0.8, kPrefillShare = 0.25;
      total_ms += answer * (static_cast<double>(memory.weights) + kv) / roofs.bytes_per_ms / kShareOfRoof;
      if (!read.insert(cell.question).second) continue;
      total_ms += tokens * flops_per_token / roofs.flops_per_ms / kPrefillShare;
    }
  }
  return text + fmt::format("{} cells to make, about {} on this machine\n", left, Duration(total_ms));
}

}  // namespace longshot
