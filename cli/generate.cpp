#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>

#include "session/answer.h"
#include "session/breakdown.h"
#include "session/build_info.h"
#include "session/cached_prompt.h"
#include "cli/command.h"
#include "session/document.h"
#include "session/draft_model.h"
#include "session/draft_text.h"
#include "session/fit_context.h"
#include "session/generate_options.h"
#include "session/idle_drafter.h"
#include "session/interrupt.h"
#include "session/loaded_target.h"
#include "session/memory_table.h"
#include "session/option_conflicts.h"
#include "session/output.h"
#include "session/own_file.h"
#include "session/prompt.h"
#include "session/report.h"
#include "session/session.h"
#include "session/stop_matcher.h"
#include "session/stored_config.h"
#include "core/error.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

using nlohmann::json;

/// Where settings come from and results go; not part of the configuration that decides them.
struct ResultOptions {
  std::string config;
  std::string json;
  bool metrics = false;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "config",
                .flags = "--config",
                .unit = "REPORT",
                .help = "repeat the run of this report (--json); flags beside it come on top"},
          self.config);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the report"}, self.json);
    visit(Field{.name = "metrics",
                .flags = "--metrics",
                .help = "print every counter, and what each phase spent on which operations, on standard error"},
          self.metrics);
  }
};

void ChooseSeed(AnswerOptions& options) {
  if (options.seed >= 0) return;
  options.seed = std::random_device{}();
  Note(fmt::format("seed: {}", options.seed));
}

void PrintSummary(const GenerateOptions& options, const ResultOptions& results, const Answer& answer) {
  const GenerationMetrics& metrics = answer.result.metrics;
  Note(fmt::format("end: {}", Name(answer.result.stop)));
  Note(SpeedLine(metrics));
  if (!metrics.arms.empty()) {
    Note(ExplainChoices(options.drafter.type, metrics.arms, metrics.idle, metrics.target_passes));
  } else if (options.drafter.type != "none" && metrics.num_drafts == 0 && metrics.target_passes > 1) {
    Note(ExplainIdleDrafter(options.drafter.type, metrics.idle, metrics.target_passes));
  }
  if (metrics.looping_share > kLoopingShare) {
    Note(fmt::format("the output loops: {:.0f} % of its 4-grams are repeats, which flatters every drafter",
                     metrics.looping_share * 100));
  }
  if (metrics.num_draft_tokens > 0) Note(AcceptanceLine(metrics));
  if (!results.metrics) return;
  const json counters = MetricsJson(metrics), phases = PhasesJson(metrics.time_ms);
  for (const auto& [key, value] : counters.items()) Note(fmt::format("{} {}", key, value.dump()));
  for (const auto& [key, value] : phases.items()) Note(fmt::format("{}_ms {}", key, value.dump()));
}

json Report(std::span<const Section> sections, std::span<const Token> prompt, const LoadedTarget& loaded,
            const Answer& answer, Exactness exactness, int64_t draft_held) {
  json report = AnswerJson(answer);
  report["prompt_sha256"] = PromptHash(prompt);
  report["exactness"] = Name(exactness);
  report["config"] = ConfigJson(sections);
  report["config_sha256"] = ConfigHash(report["config"]);
  report["draft_plan"] = answer.draft.ToJson();
  report["memory_bytes"] = loaded.memory.ToJson();
  report["memory_bytes"]["draft_held"] = draft_held;
  report["memory_bytes"]["peak"] = PeakMemory();
  report["build"] = BuildJson();
  report["device"] = DeviceJson(loaded.backend->Describe());
  report["model_sha256"] = loaded.model->file().Sha256();
  return report;
}

/// Prints the breakdown and adds it to the report. The roofs are probed here, once the report has told how much memory
/// the run took: the probe takes some of its own, and is left out where that could be too much.
void TellOperations(TimedBackend& backend, const Breakdown& breakdown, const Answer& answer, json& report) {
  backend.CountInto(nullptr);
  const bool probed = !Interrupted() && AvailableMemory() > 2 * kProbeBytes;
  const Roofs roofs = probed ? ProbeRoofs(backend) : Roofs{};
  const PhaseTimes& times = answer.result.metrics.time_ms;
  if (const std::string table = breakdown.Table(times, roofs); !table.empty()) Note(table);
  report["operations"] = breakdown.ToJson(times, roofs);
}

/// Where rows of a drafter's own text are kept; empty: nowhere.
std::string DraftCacheFile(const PromptCacheOptions& cache, const DrafterConfig& drafter) {
  return cache.file.empty() || !ReadsDraftText(drafter) ? "" : cache.file + ".draft";
}

/// Refuses files that would overwrite one another.
void RequireOwnFiles(const GenerateOptions& options, const PromptCacheOptions& cache, const ResultOptions& results) {
  std::vector<UsedFile> read =
      FilesRead(options.runtime.file.model, options.prompt.documents, options.prompt.question_file);
  read.push_back({"-md", options.drafter.rag.model});
  const UsedFile kept{"--prompt-cache", cache.file}, repeated{"--config", results.config};
  const UsedFile draft_kept{"--prompt-cache", DraftCacheFile(cache, options.drafter)};
  RequireOwnFile(kept, read);
  RequireOwnFile({"--json", results.json}, read);
  RequireOwnFile({"--json", results.json}, {&kept, 1});
  RequireOwnFile(draft_kept, read);
  RequireOwnFile(draft_kept, {&repeated, 1});
  RequireOwnFile({"--json", results.json}, {&draft_kept, 1});
  RequireOwnFile({"--json", results.json}, {&repeated, 1});
}

/// Refuses settings that cannot work, whatever the model.
void RequireUsable(const GenerateOptions& options, const PromptCacheOptions& cache) {
  RequireConsistent(options);
  RequireCachePath(cache.file);
  RequireOnePass(options.drafter, ModelTargetOptions().max_rows);
  ParseTreeShape(options.drafter.tree.shape);  // of drafter none too
  if (!options.drafter.proposal.pass_cost.empty()) PassCost::Parse(options.drafter.proposal.pass_cost);
  StopMatcher(options.answer.stops);
}

/// What the model reads.
struct ReadPrompts {
  AskedPrompt asked;
  DraftText context;          ///< `--context retrieved`
  std::vector<Token> tokens;  ///< of the prompt
};

ReadPrompts ReadAll(GenerateOptions& options, AskedPrompt asked, const Tokenizer& tokenizer, const ModelConfig& model) {
  ReadPrompts read{.asked = std::move(asked), .context = {}, .tokens = {}};
  if (options.prompt.retrieves()) {
    read.context = FindContext(options, read.asked, tokenizer, model);
    read.tokens = read.context.prompt;
    read.asked.documents.clear();  // drafters read what the model reads
  } else {
    read.tokens = EncodePrompt(tokenizer, options.prompt, JoinDocuments(read.asked.documents), read.asked.question);
  }
  return read;
}

/// The context of an answer to `prompt_tokens`.
int64_t ContextFor(GenerateOptions& options, const ModelFile& file, const ModelConfig& model, int64_t prompt_tokens) {
  const int64_t needed = options.answer.n_predict < 0 ? -1 : prompt_tokens + options.answer.n_predict;
  const int64_t context = ResolveContext(model, options.answer.ctx_size, prompt_tokens, needed);
  const bool open_ended = options.answer.ctx_size == 0 && needed < 0;
  const bool drafts_beside = NamesDraftText(options.drafter) && !options.prompt.retrieves();
  return open_ended ? FitContext(options.runtime, file, prompt_tokens + 1, context, drafts_beside) : context;
}

void TellHowItRepeats(const GenerateOptions& options) {
  const std::string& rule = options.answer.verify;
  const bool shifts = options.answer.margin.eta > 0 && options.drafter.type != "none";
  if (shifts) Note("--spec-margin: the text is no longer the model's own: changes-model");
  const bool drawn = (rule == "rejection" || rule == "rapid") && options.sampling.temperature > 0;
  if (!(drawn || shifts) || !DrafterChoice(options.drafter.type).chooses()) return;
  Note(fmt::format(
      "{} decides by time, and under {} the text depends on what is proposed: the same seed may give another "
      "text{}; --spec-verify coupled{} repeats it",
      options.drafter.type, rule, shifts ? "" : " of the same law", shifts ? " without a margin" : ""));
}

/// One answer, from the packed model to the report.
class Run {
 public:
  Run(GenerateOptions& options, const ResultOptions& results, const ReadPrompts& read, const Tokenizer& tokenizer)
      : options_(options),
        results_(results),
        read_(read),
        tokenizer_(tokenizer),
        choice_(options.drafter.type),
        verifier_(MakeVerifier(options.answer.verify, options.answer.margin, options.sampling.temperature)),
        drafter_(MakeDrafter(options.drafter)) {}

  /// Finds what drafters read and loads the models.
  void Load(const std::shared_ptr<const ModelFile>& file, const ModelConfig& config) {
    const std::span<const Token> prompt = read_.tokens;
    const int64_t context = options_.answer.ctx_size;
    const std::string& other = options_.drafter.rag.model;
    const auto drafting = other.empty() ? file : OpenDecoder(other);
    retrieval_ = OpenRetrieval(options_.drafter, options_.runtime.threads, tokenizer_);
    text_.emplace(retrieval_.get(), options_.drafter, read_.asked, options_.prompt,
                  BudgetInputsOf(*drafting, options_.runtime, std::ssize(prompt)));
    text_->FindBeforehand();
    const int64_t own = OwnTextTokens(text_->most_tokens(), context - std::ssize(prompt));
    const OpenedDraftModel opened = OpenDraftModel(
        options_.drafter, options_.runtime,
        {.prompt = std::ssize(prompt), .context = context, .text = text_->most_tokens(), .own_text = own});
    loaded_ = LoadTarget(options_.runtime, file, config,
                         {.context = context,
                          .draft_bytes = choice_.MostBytes({context, config.vocab_size}),
                          .draft_tokens = opened.file == nullptr ? own : 0,
                          .draft_optional = options_.drafter.type == "auto" && opened.file == nullptr,
                          .draft_model = &opened,
                          .timed = results_.metrics});
    if (!loaded_.has_draft_room) text_->Drop();
    draft_model_ = LoadDraftModel(opened, loaded_);
  }

  /// Writes text as it becomes certain.
  Answer Generate(const PromptCacheOptions& cache_options) {
    const std::span<const Token> prompt = read_.tokens;
    CachedPrompt cache(cache_options.file, prompt.first(prompt.size() - 1), *loaded_.target);
    text_->KeepRows(DraftCacheFile(cache_options, options_.drafter),
                    draft_model_.target ? *draft_model_.target : *loaded_.target);
    Engine engine(loaded_.target.get(), verifier_.get(), drafter_.get());
    AnswerRequest request{.prompt = prompt,
                          .draft_source = text_->source(),
                          .sampling = options_.sampling,
                          .seed = static_cast<uint64_t>(options_.answer.seed),
                          .max_tokens = options_.answer.n_predict,
                          .ignore_eos = options_.answer.ignore_eos,
                          .stops = options_.answer.stops,
                          .restore = [&](SequenceId sequence) { return cache.Restore(sequence); },
                          .keep = [&](SequenceId sequence) { cache.Keep(sequence); },
                          .on_text = WriteOutput};
    if (loaded_.timed) request.on_phase = [&](Phase phase) { loaded_.timed->CountInto(&breakdown_.of(phase)); };
    SizeDrafts(*loaded_.target, options_.drafter, request, draft_model_.target.get());
    Answer answer = RunAnswer(engine, tokenizer_, request);
    if (::isatty(STDOUT_FILENO)) WriteOutput("\n");
    return answer;
  }

  /// Prints what there is to tell, and makes the report.
  json Tell(const Answer& answer, std::span<const Section> sections) {
    PrintSummary(options_, results_, answer);
    json report;
    if (!results_.json.empty()) {
      const bool retrieved = options_.prompt.retrieves();
      const Exactness exactness = retrieved ? Exactness::kChangesModel : choice_.exactness();
      report =
          Report(sections, read_.tokens, loaded_, answer, WorstExactness(*verifier_, exactness), drafter_->bytes());
      if (retrieved) report["context"] = read_.context.ToJson();
      if (!text_->text().prompt.empty()) report["retrieval"] = text_->text().ToJson();
    }
    if (loaded_.timed) TellOperations(*loaded_.timed, breakdown_, answer, report);
    return report;
  }

 private:
  Breakdown breakdown_;
  GenerateOptions& options_;
  const ResultOptions& results_;
  const ReadPrompts& read_;
  const Tokenizer& tokenizer_;
  const DrafterChoice choice_;
  const std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<DraftRetrieval> retrieval_;
  LoadedTarget loaded_;
  DraftModel draft_model_;
  std::optional<AnswerDraftText> text_;  ///< after the models, whose rows it may hold
  std::unique_ptr<Drafter> drafter_;     ///< after everything that it closes a sequence of
};

/// Settings and, of a report that is repeated, its own. False: help was asked for.
bool ReadArguments(std::span<const std::string> arguments, CommandLine& line, GenerateOptions& options,
                   const ResultOptions& results, std::span<const Section> sections) {
  if (!ParseArguments(line, arguments)) return false;
  if (results.config.empty()) return true;
  options = {};
  ReadConfig(results.config, sections);
  std::vector<std::string> told_already;
  line.Parse(arguments, told_already);
  return true;
}

}  // namespace

int RunGenerate(std::span<const std::string> arguments) {
  GenerateOptions options;
  ResultOptions results;
  PromptCacheOptions cache;
  const std::vector<Section> sections = options.Sections();
  CommandLine line("generate", "Answers a question about a long document with speculative decoding.");
  for (const Section& section : sections) line.Add(section);
  line.Add({"cache", BindFields(cache)});
  line.Add({"result", BindFields(results)});
  line.Example("longshot generate --doc report.txt -p 'What went wrong in March?' --spec-type copy -n 200");
  if (!ReadArguments(arguments, line, options, results, sections)) return 0;

  // Everything that can be wrong with the request is found before the weights are packed.
  RequireOwnFiles(options, cache, results);
  const ResultFile result(results.json);
  RequireUsable(options, cache);
  const auto file = OpenDecoder(options.runtime.file.model);
  if (!cache.file.empty()) file->BeginChecksum();
  const Tokenizer tokenizer = LoadTokenizer(*file);
  RequireDraftModel(options.drafter, tokenizer.vocabulary());
  AskedPrompt asked = ReadPrompt(options.prompt);
  if (options.prompt.retrieves() || NamesDraftText(options.drafter)) RequireDocuments(asked);
  const ModelConfig config = ExtendContext(file->config(), options.runtime, options.answer.ctx_size);
  CatchInterrupt();
  const ReadPrompts read = ReadAll(options, std::move(asked), tokenizer, config);
  options.answer.ctx_size = ContextFor(options, *file, config, std::ssize(read.tokens));
  ChooseSeed(options.answer);
  TellHowItRepeats(options);

  Run run(options, results, read, tokenizer);
  run.Load(file, config);
  const Answer answer = run.Generate(cache);
  const json report = run.Tell(answer, sections);
  if (result.wanted()) result.Write(Dump(report));
  return answer.result.stop == StopReason::kInterrupted ? kInterruptedStatus : 0;
}

}  // namespace longshot
