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

/// Tokens of the drafter's own sequence at most: its prompt and the answer.
int64_t DraftTokens(const DraftText& text, const GenerateOptions& options, int64_t prompt_tokens) {
  return std::ssize(text.prompt) + options.answer.ctx_size - prompt_tokens;
}

}  // namespace

int RunGenerate(std::span<const std::string> arguments) {
  GenerateOptions options;
  ResultOptions results;
  PromptCacheOptions cache_options;
  const std::vector<Section> sections = options.Sections();
  CommandLine line("generate", "Answers a question about a long document with speculative decoding.");
  for (const Section& section : sections) line.Add(section);
  line.Add({"cache", BindFields(cache_options)});
  line.Add({"result", BindFields(results)});
  line.Example("longshot generate --doc report.txt -p 'What went wrong in March?' --spec-type copy -n 200");
  if (!ParseArguments(line, arguments)) return 0;
  if (!results.config.empty()) {
    options = {};
    ReadConfig(results.config, sections);
    std::vector<std::string> told_already;
    line.Parse(arguments, told_already);
  }

  // Everything that can be wrong with the request is found before the weights are packed.
  std::vector<UsedFile> read =
      FilesRead(options.runtime.file.model, options.prompt.documents, options.prompt.question_file);
  read.push_back({"-md", options.drafter.rag.model});
  const UsedFile kept{"--prompt-cache", cache_options.file};
  RequireOwnFile(kept, read);
  RequireOwnFile({"--json", results.json}, read);
  RequireOwnFile({"--json", results.json}, {&kept, 1});
  const UsedFile repeated{"--config", results.config};
  RequireOwnFile({"--json", results.json}, {&repeated, 1});
  const ResultFile result(results.json);
  RequireConsistent(options);
  RequireCachePath(cache_options.file);
  const DrafterChoice choice(options.drafter.type);
  RequireOnePass(options.drafter, ModelTargetOptions().max_rows);
  ParseTreeShape(options.drafter.tree.shape);  // of drafter none too
  if (!options.drafter.proposal.pass_cost.empty()) PassCost::Parse(options.drafter.proposal.pass_cost);
  StopMatcher(options.answer.stops);
  const auto verifier = MakeVerifier(options.answer.verify, options.answer.margin);
  const auto file = OpenDecoder(options.runtime.file.model);
  const Tokenizer tokenizer = LoadTokenizer(*file);
  RequireDraftModel(options.drafter, tokenizer.vocabulary());
  const AskedPrompt asked = ReadPrompt(options.prompt);
  if (options.prompt.retrieves() || ReadsDraftText(options.drafter)) RequireDocuments(asked);
  const ModelConfig config = ExtendContext(file->config(), options.runtime, options.answer.ctx_size);
  CatchInterrupt();
  const DraftText context = options.prompt.retrieves() ? FindContext(options, asked, tokenizer, config) : DraftText();
  const std::vector<Token> prompt =
      options.prompt.retrieves()
          ? context.prompt
          : EncodePrompt(tokenizer, options.prompt, JoinDocuments(asked.documents), asked.question);
  const auto prompt_tokens = static_cast<int64_t>(prompt.size());
  const int64_t needed = options.answer.n_predict < 0 ? -1 : prompt_tokens + options.answer.n_predict;
  const bool open_ended = options.answer.ctx_size == 0 && needed < 0;
  options.answer.ctx_size = ResolveContext(config, options.answer.ctx_size, prompt_tokens, needed);
  if (open_ended) {
    options.answer.ctx_size = FitContext(options.runtime, *file, prompt_tokens + 1, options.answer.ctx_size);
  }
  ChooseSeed(options.answer);

  if (choice.chooses() && options.answer.verify == "rejection" && options.sampling.temperature > 0) {
    Note(
        fmt::format("{} decides by time, and under rejection the text depends on what is proposed: the same seed may "
                    "give another text of the same law; --spec-verify coupled repeats it",
                    options.drafter.type));
  }

  const DraftText draft_text =
      FindDraftText(options, asked, tokenizer, BudgetInputsOf(*file, options.runtime, prompt_tokens));
  const int64_t draft_tokens = draft_text.prompt.empty() ? 0 : DraftTokens(draft_text, options, prompt_tokens);
  LoadedTarget loaded = LoadTarget(options.runtime, file, config,
                                   {.context = options.answer.ctx_size,
                                    .draft_bytes = choice.MostBytes({options.answer.ctx_size, config.vocab_size}),
                                    .draft_tokens = draft_tokens,
                                    .timed = results.metrics});
  const DraftModel draft_model = LoadDraftModel(options.drafter, options.runtime, loaded, options.answer.ctx_size);
  Breakdown breakdown;
  const auto drafter = MakeDrafter(options.drafter);
  CachedPrompt cache(cache_options.file, std::span(prompt).first(prompt.size() - 1), *loaded.target);
  Engine engine(loaded.target.get(), verifier.get(), drafter.get());
  AnswerRequest request{.prompt = prompt,
                        .draft_prompt = draft_text.prompt,
                        .sampling = options.sampling,
                        .seed = static_cast<uint64_t>(options.answer.seed),
                        .max_tokens = options.answer.n_predict,
                        .ignore_eos = options.answer.ignore_eos,
                        .stops = options.answer.stops,
                        .restore = [&](SequenceId sequence) { return cache.Restore(sequence); },
                        .keep = [&](SequenceId sequence) { cache.Keep(sequence); },
                        .on_text = WriteOutput};
  if (loaded.timed) request.on_phase = [&](Phase phase) { loaded.timed->CountInto(&breakdown.of(phase)); };
  SizeDrafts(*loaded.target, options.drafter, request, draft_model.target.get());
  const Answer answer = RunAnswer(engine, tokenizer, request);
  if (::isatty(STDOUT_FILENO)) WriteOutput("\n");
  PrintSummary(options, results, answer);
  json report;
  if (result.wanted()) {
    const Exactness exactness = options.prompt.retrieves() ? Exactness::kChangesModel : choice.exactness();
    report = Report(sections, prompt, loaded, answer, WorstExactness(*verifier, exactness), drafter->bytes());
    if (options.prompt.retrieves()) report["context"] = context.ToJson();
  }
  if (result.wanted() && !draft_text.prompt.empty()) report["retrieval"] = draft_text.ToJson();
  if (loaded.timed) TellOperations(*loaded.timed, breakdown, answer, report);
  if (result.wanted()) result.Write(Dump(report));
  return answer.result.stop == StopReason::kInterrupted ? kInterruptedStatus : 0;
}

}  // namespace longshot
