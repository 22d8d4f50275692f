#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ranges>

#include "cli/command.h"
#include "session/option_conflicts.h"
#include "core/error.h"
#include "core/printable.h"
#include "experiments/plan.h"
#include "session/generate_options.h"
#include "session/interrupt.h"
#include "session/document.h"
#include "session/draft_model.h"
#include "session/draft_text.h"
#include "session/loaded_target.h"
#include "session/output.h"
#include "session/own_file.h"
#include "session/prompt.h"
#include "session/report.h"
#include "session/session.h"
#include "tasks/task.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

using nlohmann::json;

struct VerifyOptions {
  std::string prompts;
  int64_t count = 4;
  std::string json;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "prompts",
                .flags = "--prompts",
                .unit = "FILE",
                .help = "questions of a JSONL file (LongBench, L-Eval, Spec-Bench) instead of -p and --doc"},
          self.prompts);
    visit(Field{.name = "count", .flags = "--count", .minimum = 1, .maximum = 100000, .help = "questions of that file"},
          self.count);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the result"}, self.json);
  }
};

/// A prompt and its name.
struct NamedPrompt {
  std::string name;
  AskedPrompt asked;
  std::vector<Token> tokens;
  std::unique_ptr<AnswerDraftText> draft = {};  ///< what a drafter with a text of its own reads
};

std::vector<NamedPrompt> PromptsOf(const VerifyOptions& options, PromptOptions& frame, const Tokenizer& tokenizer) {
  if (options.prompts.empty()) {
    AskedPrompt asked = ReadPrompt(frame);
    std::vector<Token> tokens = EncodePrompt(tokenizer, frame, JoinDocuments(asked.documents), asked.question);
    std::vector<NamedPrompt> one;
    one.push_back({"the prompt", std::move(asked), std::move(tokens)});
    return one;
  }
  if (!frame.question.empty() || !frame.documents.empty()) {
    Throw(ErrorCode::kUsage, "--prompts holds the questions: leave -p and --doc out");
  }
  TaskConfig task;
  task.kind = "prompts", task.paths = {options.prompts}, task.count = options.count;
  std::vector<NamedPrompt> prompts;
  for (const TaskSample& sample : MakeSamples(task, ContextOf(tokenizer))) {
    AskedPrompt asked{.documents = {}, .question = sample.question};
    if (!sample.document.empty()) asked.documents = {{sample.id, sample.document}};
    prompts.push_back({sample.id, std::move(asked), EncodePrompt(tokenizer, frame, sample.document, sample.question)});
  }
  return prompts;
}

/// Prepares the texts that drafters read; the longest in tokens, 0 where nobody reads one.
int64_t PrepareDraftTexts(GenerateOptions& options, const ModelFile& file, DraftRetrieval* retrieval,
                          std::vector<NamedPrompt>& prompts) {
  int64_t longest = 0;
  for (NamedPrompt& prompt : prompts) {
    if (NamesDraftText(options.drafter)) RequireDocuments(prompt.asked);
    const BudgetInputs inputs = BudgetInputsOf(file, options.runtime, std::ssize(prompt.tokens));
    prompt.draft = std::make_unique<AnswerDraftText>(retrieval, options.drafter, prompt.asked, options.prompt, inputs);
    longest = std::max(longest, prompt.draft->most_tokens());
  }
  return longest;
}

/// Where two outputs part.
struct Difference {
  int64_t at = 0;  ///< tokens they share
  Token plain = kNoToken, speculative = kNoToken;
  double plain_logit = 0, speculative_logit = 0;
  double margin = 0;  ///< between the two largest logits there
};

/// Scores the position behind the shared tokens by itself, as plain decoding comes to it.
void Judge(ModelTarget& target, std::span<const Token> prompt, std::span<const Token> shared, Difference& difference) {
  const SequenceId sequence = target.Open(std::ssize(prompt) + std::ssize(shared));
  PrefillRequest prefill;
  prefill.sequence = sequence;
  prefill.tokens = prompt.first(prompt.size() - 1);
  if (!prefill.tokens.empty()) target.Prefill(prefill);
  const auto score = [&](Token token) {
    const TokenTree tree(token);
    const ScoreRequest request{.sequence = sequence, .tree = &tree};
    return target.Score({&request, 1})[0].Logits(0);
  };
  std::span<const float> logits = score(prompt.back());
  for (const Token token : shared) {
    const NodeId root = 0;
    target.Commit(sequence, {&root, 1});
    logits = score(token);
  }
  std::vector<float> sorted(logits.begin(), logits.end());
  std::nth_element(sorted.begin(), sorted.begin() + 1, sorted.end(), std::greater<>());
  difference.margin = *std::max_element(sorted.begin(), sorted.begin() + 1) - sorted[1];
  if (difference.plain != kNoToken) difference.plain_logit = logits[static_cast<size_t>(difference.plain)];
  if (difference.speculative != kNoToken)
    difference.speculative_logit = logits[static_cast<size_t>(difference.speculative)];
  target.Close(sequence);
}

std::string PieceOf(const Tokenizer& tokenizer, Token token) {
  return token == kNoToken ? "the end" : fmt::format("{} '{}'", token, Printable(tokenizer.Decode({&token, 1})));
}

/// One prompt both ways.
class Check {
 public:
  Check(GenerateOptions& options, const Tokenizer& tokenizer, LoadedTarget& loaded, ModelTarget* draft_model)
      : options_(options),
        tokenizer_(tokenizer),
        target_(*loaded.target),
        draft_model_(draft_model),
        verifier_(MakeVerifier(options.answer.verify, options.answer.margin, options.sampling.temperature)) {}

  Answer Run(const NamedPrompt& prompt, DrafterConfig config) {
    const auto drafter = MakeDrafter(config);
    Engine engine(&target_, verifier_.get(), drafter.get());
    AnswerRequest request{.prompt = prompt.tokens,
                          .draft_source = prompt.draft->source(),
                          .sampling = options_.sampling,
                          .seed = static_cast<uint64_t>(options_.answer.seed),
                          .max_tokens = options_.answer.n_predict,
                          .ignore_eos = options_.answer.ignore_eos,
                          .stops = options_.answer.stops,
                          .restore = {},
                          .keep = {},
                          .on_text = {}};
    SizeDrafts(target_, config, request, draft_model_);
    return RunAnswer(engine, tokenizer_, request);
  }

  /// The line of one prompt in the report; prints it.
  json Compare(const NamedPrompt& prompt) {
    DrafterConfig none = options_.drafter;
    none.type = "none";
    const Answer plain = Run(prompt, none), speculative = Run(prompt, options_.drafter);
    if (Interrupted()) return {};  // one of them ends too early
    const std::vector<Token>&a = plain.result.tokens, &b = speculative.result.tokens;
    json line = {{"prompt", prompt.name},
                 {"prompt_tokens", prompt.tokens.size()},
                 {"tokens", a.size()},
                 {"plain_sha256", plain.sha256},
                 {"speculative_sha256", speculative.sha256},
                 {"accepted_tokens", speculative.result.metrics.num_accepted_tokens},
                 {"identical", a == b && plain.sha256 == speculative.sha256}};
    if (line["identical"] == true) {
      WriteOutput(fmt::format("{}: identical, {} tokens, {} of them drafted\n", prompt.name, a.size(),
                              speculative.result.metrics.num_accepted_tokens));
      return line;
    }
    Difference difference;
    difference.at = std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin()).first - a.begin();
    const auto at = static_cast<size_t>(difference.at);
    if (at < a.size()) difference.plain = a[at];
    if (at < b.size()) difference.speculative = b[at];
    Judge(target_, prompt.tokens, std::span(a).first(at), difference);
    WriteOutput(fmt::format(
        "{}: DIFFERENT after {} tokens: plain {} (logit {:.6f}), speculative {} (logit {:.6f}); the two largest logits "
        "there are {:.6f} apart\n",
        prompt.name, difference.at, PieceOf(tokenizer_, difference.plain), difference.plain_logit,
        PieceOf(tokenizer_, difference.speculative), difference.speculative_logit, difference.margin));
    line["first_difference"] = {{"at", difference.at},
                                {"plain", difference.plain},
                                {"speculative", difference.speculative},
                                {"plain_logit", difference.plain_logit},
                                {"speculative_logit", difference.speculative_logit},
                                {"top2_margin", difference.margin}};
    return line;
  }

 private:
  GenerateOptions& options_;
  const Tokenizer& tokenizer_;
  ModelTarget& target_;
  ModelTarget* draft_model_;
  std::unique_ptr<Verifier> verifier_;
};

/// What every command line has to satisfy, whatever the model.
void RequireVerifiable(const GenerateOptions& options, const VerifyOptions& verify) {
  std::vector<UsedFile> read = FilesRead(options.runtime.file.model, options.prompt.documents, verify.prompts);
  read.push_back({"-md", options.drafter.rag.model});
  RequireOwnFile({"--json", verify.json}, read);
  RequireConsistent(options);
  RequireFullContext(options);
  if (options.drafter.type == "none") {
    Throw(ErrorCode::kUsage, "verify compares a drafter with plain decoding: name one with --spec-type");
  }
}

/// Lengths of prompts, in tokens.
struct PromptLengths {
  int64_t shortest = 0, longest = 0;
};

PromptLengths LengthsOf(std::span<const NamedPrompt> prompts) {
  const auto tokens = [](const NamedPrompt& prompt) { return std::ssize(prompt.tokens); };
  const auto [least, most] = std::ranges::minmax(prompts | std::views::transform(tokens));
  return {least, most};
}

/// Compares prompt by prompt; the lines of those compared, fewer after Ctrl-C.
json CompareAll(Check& check, std::span<const NamedPrompt> prompts) {
  json lines = json::array();
  for (const NamedPrompt& prompt : prompts) {
    json line = check.Compare(prompt);
    if (Interrupted()) break;
    lines.push_back(std::move(line));
  }
  return lines;
}

/// Tells the sum of it; the exit status.
int Conclude(const json& lines, size_t prompts, Exactness exactness, const ResultFile& result, json more) {
  if (lines.size() < prompts) {
    Note("interrupted; the answers so far were identical unless told otherwise");
    return kInterruptedStatus;
  }
  const auto different =
      std::count_if(lines.begin(), lines.end(), [](const json& line) { return line["identical"] == false; });
  Note(fmt::format("{} of {} prompts identical; label: {}", prompts - static_cast<size_t>(different), prompts,
                   Name(exactness)));
  if (result.wanted()) {
    more["prompts"] = lines, more["different"] = different, more["exactness"] = Name(exactness);
    result.Write(Dump(more));
  }
  return different == 0 ? 0 : 1;
}

}  // namespace

int RunVerify(std::span<const std::string> arguments) {
  GenerateOptions options;
  VerifyOptions verify;
  constexpr int64_t kTokens = 128;
  options.answer.n_predict = kTokens;
  options.answer.seed = 1;
  const std::vector<Section> sections = options.Sections();
  CommandLine line("verify",
                   "Answers with and without the drafter and compares, token by token. Exit status 1: they differ.");
  for (const Section& section : sections) line.Add(section);
  line.Add({"result", BindFields(verify)});
  line.Example("longshot verify --doc report.txt -p 'What went wrong in March?' --spec-type auto --temp 0.7");
  if (!ParseArguments(line, arguments)) return 0;
  RequireVerifiable(options, verify);
  const ResultFile result(verify.json);
  const auto file = OpenDecoder(options.runtime.file.model);
  const Tokenizer tokenizer = LoadTokenizer(*file);
  RequireDraftModel(options.drafter, tokenizer.vocabulary());
  std::vector<NamedPrompt> prompts = PromptsOf(verify, options.prompt, tokenizer);
  const PromptLengths lengths = LengthsOf(prompts);
  const ModelConfig config = ExtendContext(file->config(), options.runtime, options.answer.ctx_size);
  const int64_t needed = options.answer.n_predict < 0 ? -1 : lengths.longest + options.answer.n_predict;
  const int64_t context = ResolveContext(config, options.answer.ctx_size, lengths.longest, needed);
  CatchInterrupt();
  const auto retrieval = OpenRetrieval(options.drafter, options.runtime.threads, tokenizer);
  const std::string& other = options.drafter.rag.model;
  const auto drafting = other.empty() ? file : OpenDecoder(other);
  const int64_t text = PrepareDraftTexts(options, *drafting, retrieval.get(), prompts);
  const int64_t own = OwnTextTokens(text, context - lengths.shortest);
  const OpenedDraftModel opened = OpenDraftModel(
      options.drafter, options.runtime, {.prompt = lengths.longest, .context = context, .text = text, .own_text = own});
  const DrafterChoice choice(options.drafter.type);
  LoadedTarget loaded = LoadTarget(options.runtime, file, config,
                                   {.context = context,
                                    .draft_bytes = choice.MostBytes({context, config.vocab_size}),
                                    .draft_tokens = opened.file == nullptr ? own : 0,
                                    .draft_optional = options.drafter.type == "auto" && opened.file == nullptr,
                                    .draft_model = &opened});
  for (NamedPrompt& prompt : prompts) {
    if (!loaded.has_draft_room) prompt.draft->Drop();
  }
  const DraftModel draft_model = LoadDraftModel(opened, loaded);
  Check check(options, tokenizer, loaded, draft_model.target.get());
  const json lines = CompareAll(check, prompts);
  const auto verifier = MakeVerifier(options.answer.verify, options.answer.margin);
  return Conclude(lines, prompts.size(), WorstExactness(*verifier, choice.exactness()), result,
                  {{"config", ConfigJson(sections)}, {"device", DeviceJson(loaded.backend->Describe())}});
}

}  // namespace longshot
