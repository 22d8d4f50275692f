#include "experiments/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/printable.h"
#include "core/sha256.h"
#include "runtime/engine/model_target.h"
#include "session/document.h"
#include "session/draft_plan.h"
#include "session/draft_model.h"
#include "session/draft_text.h"
#include "session/option_conflicts.h"
#include "session/prompt.h"
#include "session/report.h"
#include "session/session.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr size_t kIdDigits = 16;

/// What is read once however many settings ask for it.
struct OpenedModel {
  std::shared_ptr<const ModelFile> file;
  std::unique_ptr<Tokenizer> tokenizer;
  std::string sha256;
};

class Planner {
 public:
  explicit Planner(Plan& plan) : plan_(plan) {}

  void AddSetting(size_t index, const Shard& shard) {
    Setting& setting = plan_.settings[index];
    Resolve(setting);
    const OpenedModel& opened = Open(setting.options.runtime.file.model);
    for (size_t task = 0; task < setting.tasks.size(); ++task) {
      RequireSize(setting, setting.tasks[task], opened);
      size_t number = 0;
      for (const TaskSample& sample : SamplesOf(setting.tasks[task], *opened.tokenizer)) {
        Question question{.setting = index,
                          .task = task,
                          .number = number++,
                          .sample = sample,
                          .prompt = {},
                          .prompt_sha256 = {},
                          .document_sha256 = {}};
        plan_.total_cells += CellsOf(setting.tasks[task]);
        if (asked_++ % shard.count == shard.index - 1) AddQuestion(std::move(question), opened);
      }
    }
  }

 private:
  /// A report repeats its run: nothing is left to chance or to the end of the context. Refuses what contradicts itself.
  void Resolve(Setting& setting) const {
    constexpr int64_t kSeed = 1, kTokens = 256;
    AnswerOptions& answer = setting.options.answer;
    if (answer.seed < 0) answer.seed = kSeed;
    if (answer.n_predict < 0) answer.n_predict = kTokens;
    if (answer.n_predict == 0) Throw(ErrorCode::kConfig, "answer.n_predict: expected at least 1 token, got 0");
    for (const DrafterVariant& variant : plan_.experiment.drafters) {
      GenerateOptions options = setting.options;
      options.drafter = longshot::DrafterOf(variant, setting);
      RequireConsistent(options);
      RequireFullContext(options);
      RequireOnePass(options.drafter, ModelTargetOptions().max_rows);
      ParseTreeShape(options.drafter.tree.shape);
      RequireNoDraftModel(options.drafter);
      if (!options.drafter.proposal.pass_cost.empty()) PassCost::Parse(options.drafter.proposal.pass_cost);
    }
  }

  /// Experiments load one model at a time.
  static void RequireNoDraftModel(const DrafterConfig& config) {
    const bool draft_simple = DrafterChoice(config.type).Has("draft-simple");
    if (config.rag.model.empty() && !draft_simple) return;
    Throw(ErrorCode::kConfig,
          "drafter {}: experiments draft with the target's own weights; leave draft_model and "
          "draft-simple to `longshot generate -md`",
          config.type);
  }

  /// Refuses what would not fit before its text is made.
  void RequireSize(Setting& setting, const TaskConfig& task, const OpenedModel& opened) const {
    const ModelConfig config =
        ExtendContext(opened.file->config(), setting.options.runtime, setting.options.answer.ctx_size);
    if (task.length > UsableContext(config)) RejectLength(task.name, task.length, UsableContext(config));
    const auto cells =
        static_cast<size_t>(task.count * plan_.experiment.head.repetitions) * plan_.experiment.drafters.size();
    if (plan_.cells.size() + cells > kMostCells) RejectCells();
  }
  [[noreturn]] static void RejectLength(const std::string& task, int64_t needed, int64_t context) {
    Throw(ErrorCode::kCapacity,
          "task {}: a prompt and its answer take {} tokens, the model's context is {}; lower the task's `length` or "
          "answer.n_predict, or extend the context: runtime.rope_scaling: yarn with answer.ctx_size",
          task, needed, context);
  }
  [[noreturn]] static void RejectCells() {
    Throw(ErrorCode::kConfig, "more than {} cells; shorten an axis, `count` or `repetitions`", kMostCells);
  }

  const OpenedModel& Open(const std::string& path) {
    OpenedModel& opened = opened_[path];
    if (opened.file == nullptr) {
      opened.file = OpenDecoder(path);
      opened.tokenizer = std::make_unique<Tokenizer>(LoadTokenizer(*opened.file));
      opened.sha256 = opened.file->Sha256();
    }
    return opened;
  }

  /// A text that is scored, not answered, has one cell: no drafter and no draw takes part.
  static bool IsScored(const TaskConfig& task) { return MetricOf(task) == TaskMetric::kPerplexity; }
  int64_t CellsOf(const TaskConfig& task) const {
    if (IsScored(task)) return 1;
    return plan_.experiment.head.repetitions * std::ssize(plan_.experiment.drafters);
  }

  /// Samples are the same in all settings that ask for the same task.
  const std::vector<TaskSample>& SamplesOf(const TaskConfig& task, const Tokenizer& tokenizer) {
    TaskConfig copy = task;
    std::vector<TaskSample>& samples = samples_[{&tokenizer, ToJson(BindFields(copy)).dump()}];
    if (samples.empty()) {
      samples = MakeSamples(task, ContextOf(tokenizer));
    }
    return samples;
  }

  void AddQuestion(Question question, const OpenedModel& opened) {
    Setting& setting = plan_.settings[question.setting];
    const TaskConfig& task = setting.tasks[question.task];
    question.prompt = PromptOf(question.sample, setting, IsScored(task), *opened.tokenizer);
    constexpr int64_t kFewestScored = 4;
    if (IsScored(task) && std::ssize(question.prompt) < kFewestScored) {
      Throw(ErrorCode::kConfig, "task {}: expected texts of at least {} tokens to score, got {}", task.name,
            kFewestScored, question.prompt.size());
    }
    question.prompt_sha256 = PromptHash(question.prompt);
    const int64_t answer = IsScored(task) ? 0 : setting.options.answer.n_predict;
    question.model = ModelFor(setting, opened.file, std::ssize(question.prompt) + answer, task.name);
    AddCells(question, IsScored(task));
    // A prompt without a document shares nothing with others.
    const std::string& document = question.sample.document;
    question.document_sha256 = document.empty() ? question.prompt_sha256 : Sha256Hex(document);
    if (!DraftsFromText(setting)) question.sample.document.clear();  // it stands in the prompt
    plan_.questions.push_back(std::move(question));
  }

  static std::vector<Token> PromptOf(const TaskSample& sample, Setting& setting, bool is_scored,
                                     const Tokenizer& tokenizer) {
    if (is_scored) return tokenizer.Encode(sample.document, {.add_bos = tokenizer.adds_bos()});
    std::vector<Token> prompt = EncodePrompt(tokenizer, setting.options.prompt, sample.document, sample.question);
    const std::vector<Token> given = tokenizer.Encode(sample.given);
    prompt.insert(prompt.end(), given.begin(), given.end());
    return prompt;
  }

  void AddCells(const Question& question, bool is_scored) {
    const int64_t repetitions = is_scored ? 1 : plan_.experiment.head.repetitions;
    for (int64_t repetition = 0; repetition < repetitions; ++repetition) {
      for (size_t drafter = 0; drafter < plan_.experiment.drafters.size(); ++drafter) {
        Cell cell{.id = {}, .question = plan_.questions.size(), .drafter = drafter, .repetition = repetition};
        if (is_scored && DrafterNameOf(question, cell) != "none") continue;
        AddCell(question, std::move(cell));
      }
    }
  }
  std::string DrafterNameOf(const Question& question, const Cell& cell) const {
    return longshot::DrafterOf(plan_.experiment.drafters[cell.drafter], plan_.settings[question.setting]).type;
  }

  /// Whether some drafter looks for passages in the documents.
  bool DraftsFromText(const Setting& setting) const {
    const auto& variants = plan_.experiment.drafters;
    return std::any_of(variants.begin(), variants.end(), [&](const DrafterVariant& variant) {
      return ReadsDraftText(longshot::DrafterOf(variant, setting));
    });
  }

  /// The planned model of these settings, with room for `needed` tokens.
  size_t ModelFor(Setting& setting, const std::shared_ptr<const ModelFile>& file, int64_t needed,
                  const std::string& task) {
    RuntimeOptions& runtime = setting.options.runtime;
    const ModelConfig config = ExtendContext(file->config(), runtime, setting.options.answer.ctx_size);
    if (needed > UsableContext(config)) RejectLength(task, needed, UsableContext(config));
    const std::string key = ToJson(BindFields(runtime)).dump() + std::to_string(config.context);
    const auto [found, is_new] = models_.try_emplace(key, plan_.models.size());
    if (is_new) plan_.models.push_back({.runtime = runtime, .file = file, .config = config});
    PlannedModel& model = plan_.models[found->second];
    model.context = std::max(model.context, needed);
    for (const DrafterVariant& variant : plan_.experiment.drafters) {
      const DrafterConfig drafter = longshot::DrafterOf(variant, setting);
      const DrafterChoice choice(drafter.type);
      model.draft_bytes = std::max(model.draft_bytes, choice.MostBytes({model.context, config.vocab_size}));
      if (!ReadsDraftText(drafter)) continue;
      model.names_text = model.names_text || NamesDraftText(drafter);
      constexpr int64_t kFrame = 1024;  // question and chat format
      const int64_t budget = BudgetTokens(drafter.retrieval, BudgetInputsOf(*file, runtime, needed));
      const int64_t text = std::max(budget, drafter.retrieval.chunk_tokens) + kFrame;
      model.draft_tokens = std::max(model.draft_tokens, OwnTextTokens(text, setting.options.answer.n_predict));
    }
    return found->second;
  }

  void AddCell(const Question& question, Cell cell) {
    Setting& setting = plan_.settings[question.setting];
    GenerateOptions options = setting.options;
    options.drafter = longshot::DrafterOf(plan_.experiment.drafters[cell.drafter], setting);
    json identity = ConfigJson(options.Sections());
    identity["runtime"].erase("threads");  // changes no answer
    identity["runtime"].erase("model");
    identity["model_sha256"] = opened_.at(options.runtime.file.model).sha256;
    identity["axes"] = setting.axes;
    identity["prompt_sha256"] = question.prompt_sha256;
    identity["sample"] = setting.tasks[question.task].name + "/" + question.sample.id;
    identity["drafter"] = plan_.experiment.drafters[cell.drafter].name;
    identity["repetition"] = cell.repetition;
    cell.id = Sha256Hex(identity.dump()).substr(0, kIdDigits);
    const auto [other, is_new] = taken_.try_emplace(cell.id, plan_.cells.size());
    if (!is_new) {
      Throw(ErrorCode::kConfig, "two cells are the same: sample {} of task {} with drafter {}", question.sample.id,
            setting.tasks[question.task].name, plan_.experiment.drafters[cell.drafter].name);
    }
    if (plan_.cells.size() == kMostCells) RejectCells();
    plan_.cells.push_back(std::move(cell));
  }

  Plan& plan_;
  int64_t asked_ = 0;
  std::map<std::string, OpenedModel> opened_;
  std::map<std::pair<const Tokenizer*, std::string>, std::vector<TaskSample>> samples_;
  std::map<std::string, size_t> models_, taken_;
};

}  // namespace

TaskContext ContextOf(const Tokenizer& tokenizer) {
  return {.count_tokens = [&tokenizer](std::string_view text) { return std::ssize(tokenizer.Encode(text)); },
          .read_documents = [](const std::vector<std::string>& paths) { return ReadDocumentText(paths); }};
}

const TaskConfig& Plan::TaskOf(const Question& question) const {
  return settings[question.setting].tasks[question.task];
}

uint64_t Plan::SeedOf(const Cell& cell) const {
  return static_cast<uint64_t>(settings[questions[cell.question].setting].options.answer.seed + cell.repetition);
}

DrafterConfig Plan::DrafterOf(const Cell& cell) const {
  return longshot::DrafterOf(experiment.drafters[cell.drafter], settings[questions[cell.question].setting]);
}

Shard Shard::Parse(const std::string& text) {
  Shard shard;
  const size_t slash = text.find('/');
  const auto number = [&](std::string_view part, int64_t& value) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size();
  };
  const std::string_view whole = text;
  const bool parsed =
      slash != text.npos && number(whole.substr(0, slash), shard.index) && number(whole.substr(slash + 1), shard.count);
  constexpr int64_t kMostShards = 100'000;
  if (!parsed || shard.index < 1 || shard.index > shard.count || shard.count > kMostShards) {
    Throw(ErrorCode::kUsage, "--shard: expected i/n, i from 1 to n, got '{}'", Printable(text));
  }
  return shard;
}

Plan MakePlan(Experiment experiment, const Shard& shard) {
  Plan plan;
  plan.experiment = std::move(experiment);
  plan.settings = SettingsOf(plan.experiment);
  Planner planner(plan);
  for (size_t i = 0; i < plan.settings.size(); ++i) planner.AddSetting(i, shard);
  return plan;
}

}  // namespace longshot
