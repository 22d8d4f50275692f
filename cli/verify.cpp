#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "session/option_conflicts.h"
#include "core/error.h"
#include "core/printable.h"
#include "experiments/plan.h"
#include "session/generate_options.h"
#include "session/interrupt.h"
#include "session/loaded_target.h"
#include "session/output.h"
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
  std::vector<Token> tokens;
};

std::vector<NamedPrompt> PromptsOf(const VerifyOptions& options, PromptOptions& frame, const Tokenizer& tokenizer) {
  if (options.prompts.empty()) return {{"the prompt", BuildPrompt(tokenizer, frame)}};
  if (!frame.question.empty() || !frame.documents.empty()) {
    Throw(ErrorCode::kUsage, "--prompts holds the questions: leave -p and --doc out");
  }
  TaskConfig task;
  task.kind = "prompts", task.paths = {options.prompts}, task.count = options.count;
  std::vector<NamedPrompt> prompts;
  for (const TaskSample& sample : MakeSamples(task, ContextOf(tokenizer))) {
    prompts.push_back({sample.id, EncodePrompt(tokenizer, frame, sample.document, sample.question)});
  }
  return prompts;
}

/// Where two outputs part.
struct Difference {
  int64_t at = 0;  ///< tokens they share
  Token plain = kNoToken, speculative = kNoToken;
  double plain_logit = 0, speculative_logit = 0;
  double margin = 0;  ///< between the two largest logits there
};

/// Scores the position behind the shared tokens by itself.
void Judge(ModelTarget& target, std::span<const Token> prompt, std::span<const Token> shared, Difference& difference) {
  std::vector<Token> tokens(prompt.begin(), prompt.end());
  tokens.insert(tokens.end(), shared.begin(), shared.end());
  const SequenceId sequence = target.Open(std::ssize(tokens));
  PrefillRequest prefill;
  prefill.sequence = sequence;
  prefill.tokens = std::span(tokens).first(tokens.size() - 1);
  if (!prefill.tokens.empty()) target.Prefill(prefill);
  const TokenTree tree(tokens.back());
  const ScoreRequest request{.sequence = sequence, .tree = &tree};
  const std::span<const float> logits = target.Score({&request, 1})[0].Logits(0);
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
  Check(GenerateOptions& options, const Tokenizer& tokenizer, ModelTarget& target)
      : options_(options), tokenizer_(tokenizer), target_(target), verifier_(MakeVerifier(options.answer.verify, options.answer.margin)) {}

  Answer Run(std::span<const Token> prompt, DrafterConfig config) {
    const auto drafter = MakeDrafter(config);
    Engine engine(&target_, verifier_.get(), drafter.get());
    AnswerRequest request{.prompt = prompt,
                          .sampling = options_.sampling,
                          .seed = static_cast<uint64_t>(options_.answer.seed),
                          .max_tokens = options_.answer.n_predict,
                          .ignore_eos = options_.answer.ignore_eos,
                          .stops = options_.answer.stops,
                          .restore = {},
                          .keep = {},
                          .on_text = {}};
    SizeDrafts(target_, config, request);
    return RunAnswer(engine, tokenizer_, request);
  }

  /// The line of one prompt in the report; prints it.
  json Compare(const NamedPrompt& prompt) {
    DrafterConfig none = options_.drafter;
    none.type = "none";
    const Answer plain = Run(prompt.tokens, none), speculative = Run(prompt.tokens, options_.drafter);
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
  std::unique_ptr<Verifier> verifier_;
};

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
  const ResultFile result(verify.json);
  RequireConsistent(options);
  if (options.drafter.type == "none") {
    Throw(ErrorCode::kUsage, "verify compares a drafter with plain decoding: name one with --spec-type");
  }
  const DrafterChoice choice(options.drafter.type);
  const auto file = OpenDecoder(options.runtime.file.model);
  const Tokenizer tokenizer = LoadTokenizer(*file);
  const std::vector<NamedPrompt> prompts = PromptsOf(verify, options.prompt, tokenizer);
  int64_t longest = 0;
  for (const NamedPrompt& prompt : prompts) longest = std::max(longest, std::ssize(prompt.tokens));
  const ModelConfig config = ExtendContext(file->config(), options.runtime, options.answer.ctx_size);
  const int64_t context = ResolveContext(config, options.answer.ctx_size, longest, longest + options.answer.n_predict);
  CatchInterrupt();
  LoadedTarget loaded = LoadTarget(options.runtime, file, config,
                                   {.context = context, .draft_bytes = choice.MostBytes({context, config.vocab_size})});
  Check check(options, tokenizer, *loaded.target);
  json lines = json::array();
  int64_t different = 0;
  for (const NamedPrompt& prompt : prompts) {
    lines.push_back(check.Compare(prompt));
    if (Interrupted()) {
      Note("interrupted; the answers so far were identical unless told otherwise");
      return kInterruptedStatus;
    }
    different += lines.back()["identical"] == false;
  }
  const auto verifier = MakeVerifier(options.answer.verify, options.answer.margin);
  const Exactness exactness = WorstExactness(*verifier, choice.exactness());
  Note(fmt::format("{} of {} prompts identical; label: {}", prompts.size() - static_cast<size_t>(different),
                   prompts.size(), Name(exactness)));
  if (result.wanted()) {
    result.Write(Dump(json{{"prompts", lines},
                           {"different", different},
                           {"exactness", Name(exactness)},
                           {"config", ConfigJson(sections)},
                           {"device", DeviceJson(loaded.backend->Describe())}}));
  }
  return different == 0 ? 0 : 1;
}

}  // namespace longshot
