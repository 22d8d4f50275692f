#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "core/error.h"
#include "core/printable.h"
#include "experiments/plan.h"
#include "session/answer.h"
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

struct DoctorOptions {
  RuntimeOptions runtime;
  std::string other;
  int64_t depth = 4096;
  std::string json;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "other",
                .flags = "--against",
                .unit = "PATH",
                .help = "another model, whose vocabulary is compared: could it draft for the first?"},
          self.other);
    visit(Field{.name = "depth",
                .flags = "-d,--n-depth",
                .minimum = 256,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "context at which passes are timed and drafters tried"},
          self.depth);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the findings"}, self.json);
    RuntimeOptions::VisitFields(self.runtime, visit);
  }
};

/// Tokens of the answer in which drafters are tried.
constexpr int64_t kTried = 96;

/// Pieces that two vocabularies have at the same id or not; the first few that differ.
json CompareVocabularies(const Vocabulary& a, const Vocabulary& b) {
  constexpr size_t kShown = 5;
  const size_t common = std::min(a.pieces.size(), b.pieces.size());
  json shown = json::array();
  size_t different = std::max(a.pieces.size(), b.pieces.size()) - common;
  for (size_t i = 0; i < common; ++i) {
    if (a.pieces[i] == b.pieces[i]) continue;
    ++different;
    if (shown.size() < kShown) shown.push_back({{"id", i}, {"first", a.pieces[i]}, {"second", b.pieces[i]}});
  }
  return {{"first_tokens", a.pieces.size()},
          {"second_tokens", b.pieces.size()},
          {"different", different},
          {"examples", shown}};
}

/// The least chance of acceptance per token, the same at every position, at which a chain of some length is faster
/// than plain decoding, and that length. `draft` is the cost of one drafted token in single-row passes.
/// Source: Leviathan et al. 2022, arXiv 2211.17192, theorem 3.8, with the measured cost of verification.
struct BreakEven {
  double acceptance = 1;
  int64_t length = 0;
};
BreakEven FindBreakEven(const VerificationCost& cost, double draft) {
  BreakEven best;
  const double one = cost.Ms(1);
  for (int64_t n = 1; n < cost.max_rows(); ++n) {
    const double price = cost.Ms(static_cast<int>(n + 1)) / one + static_cast<double>(n) * draft;
    double low = 0, high = 1;
    for (int step = 0; step < 40; ++step) {
      const double a = (low + high) / 2;
      double tokens = 1, chance = 1;
      for (int64_t i = 0; i < n; ++i) tokens += chance *= a;
      (tokens > price ? high : low) = a;
    }
    if (static_cast<double>(n + 1) > price && high < best.acceptance) best = {high, n};
  }
  return best;
}

/// Tells whether another model could draft for this one.
json TellVocabularies(const Tokenizer& tokenizer, const std::string& other_path) {
  const auto other = OpenModelFile(other_path);
  json found = CompareVocabularies(tokenizer.vocabulary(), ReadTokenizer(*other).vocabulary());
  const auto different = found["different"].get<int64_t>();
  WriteOutput(fmt::format("vocabulary against {}: {} tokens and {}, {} differ{}\n", other_path,
                          found["first_tokens"].get<int64_t>(), found["second_tokens"].get<int64_t>(), different,
                          different == 0 ? ": it can draft" : ": it cannot draft"));
  for (const json& example : found["examples"]) {
    WriteOutput(fmt::format("  token {}: '{}' and '{}'\n", example["id"].get<int64_t>(),
                            Printable(example["first"].get<std::string>()),
                            Printable(example["second"].get<std::string>())));
  }
  return found;
}

/// Where the parts run, and what a step reads.
void TellMachine(const LoadedTarget& loaded, const DoctorOptions& options, int64_t context, json& report) {
  const double weights = static_cast<double>(loaded.memory.weights);
  const double kv =
      static_cast<double>(loaded.memory.target_kv) * static_cast<double>(options.depth) / static_cast<double>(context);
  const BackendInfo device = loaded.backend->Describe();
  report["device"] = DeviceJson(device), report["memory_bytes"] = loaded.memory.ToJson();
  report["kv_to_weights"] = kv / weights;
  WriteOutput(fmt::format("runs on: {} ({}), {} threads, all layers and the cache\n", device.device,
                          device.numeric_path, device.threads));
  WriteOutput(
      fmt::format("at {} tokens the cache is {:.2f} times the weights: a draft that reads a small part of the "
                  "cache costs at least {:.2f} of a full step\n",
                  options.depth, kv / weights, weights / (weights + kv)));
}

/// A question about a made document, `depth` tokens in all.
std::vector<Token> MadePrompt(const Tokenizer& tokenizer, int64_t depth) {
  constexpr int64_t kQuestion = 96;  // and chat format, about
  TaskConfig task;
  task.kind = "turns";
  task.count = 1;
  task.length = std::max<int64_t>(1, depth - kQuestion);
  const TaskSample sample = MakeSamples(task, ContextOf(tokenizer)).front();
  PromptOptions options;
  return EncodePrompt(tokenizer, options, sample.document, sample.question);
}

/// The answer to `prompt` with `auto`: passes timed on the way, and what each drafter got.
Answer Try(LoadedTarget& loaded, const Tokenizer& tokenizer, std::span<const Token> prompt) {
  DrafterConfig config;
  config.type = "auto";
  const auto drafter = MakeDrafter(config);
  const auto verifier = MakeVerifier(AnswerOptions().verify);
  Engine engine(loaded.target.get(), verifier.get(), drafter.get());
  AnswerRequest request;
  request.prompt = prompt, request.seed = 1, request.max_tokens = kTried, request.ignore_eos = true;
  SizeDrafts(*loaded.target, config, request);
  return RunAnswer(engine, tokenizer, request);
}

/// What a drafter needs to gain, what it got, and what that promises.
struct Offer {
  std::string name;
  double draft_cost = 0;  ///< of a token, in single-row passes
  BreakEven even;
  int64_t rounds = 0, drafted = 0, accepted = 0;
  double speedup = 1;

  /// Chance of a token to be accepted, given that those before it were: at most one a round is not.
  double Acceptance() const { return static_cast<double>(accepted) / static_cast<double>(accepted + rounds); }

  json ToJson() const {
    const bool gains = even.length > 0;
    return {{"drafter", name},
            {"draft_cost", draft_cost},
            {"acceptance", gains ? json(even.acceptance) : json(nullptr)},
            {"length", even.length},
            {"tried_rounds", rounds},
            {"tried_tokens", drafted},
            {"accepted_tokens", accepted},
            {"expected_speedup", drafted > 0 ? json(speedup) : json(nullptr)}};
  }
  std::string Line() const {
    const std::string cost = draft_cost > 0 ? fmt::format("{:.2f} of a step per token", draft_cost) : "drafts for free";
    std::string text = fmt::format("{} ({}): ", name, cost);
    if (even.length == 0) return text + "cannot gain at this context\n";
    text += fmt::format("gains from {:.0f} % acceptance on, drafting {} tokens", even.acceptance * 100, even.length);
    if (drafted == 0) return text + "; found nothing to draft here\n";
    return text +
           fmt::format("; here {:.0f} %, in {} rounds: {:.2f} times plain\n", Acceptance() * 100, rounds, speedup);
  }
};

/// Tokens of a mean round of this drafter over its time, in plain decoding's.
double ExpectedSpeedup(const VerificationCost& cost, const Offer& offer) {
  const auto rounds = static_cast<double>(offer.rounds), drafted = static_cast<double>(offer.drafted) / rounds;
  const int rows = std::min(static_cast<int>(std::lround(drafted)) + 1, static_cast<int>(cost.max_rows()));
  return (1 + static_cast<double>(offer.accepted) / rounds) / (cost.Ms(rows) / cost.Ms(1) + drafted * offer.draft_cost);
}

std::vector<Offer> OffersOf(const Answer& answer, const VerificationCost& cost) {
  std::vector<Offer> offers;
  for (const ArmRounds& arm : answer.result.metrics.arms) {
    if (FindDrafter(arm.name).need != DraftNeed::kNothing) continue;  // it had none
    Offer offer;
    offer.name = arm.name, offer.draft_cost = arm.name == "window" ? answer.draft.pass_cost : 0;
    offer.even = FindBreakEven(cost, offer.draft_cost);
    offer.rounds = arm.rounds, offer.drafted = arm.drafted, offer.accepted = arm.accepted;
    if (arm.rounds > 0) offer.speedup = ExpectedSpeedup(cost, offer);
    offers.push_back(std::move(offer));
  }
  return offers;
}

/// What each way of drafting needs to gain, and which promises most.
void TellDrafters(const Answer& answer, int64_t depth, json& report) {
  const VerificationCost cost{answer.draft.verification_ms};
  report["verification_ms"] = answer.draft.ToJson()["verification_ms"];
  WriteOutput("verification:");
  for (const auto& point : cost.points()) WriteOutput(fmt::format(" {} rows {:.1f} ms", point.rows, point.ms));
  WriteOutput(fmt::format("\na question about a made document, {} tokens answered with auto:\n", kTried));
  report["break_even"] = json::array(), report["best"] = nullptr;
  double most = 1;
  for (const Offer& offer : OffersOf(answer, cost)) {
    WriteOutput(offer.Line());
    report["break_even"].push_back(offer.ToJson());
    if (offer.speedup > most) most = offer.speedup, report["best"] = offer.name;
  }
  WriteOutput(report["best"].is_null()
                  ? fmt::format("best at {} tokens: none, plain decoding\n", depth)
                  : fmt::format("best at {} tokens on such a text: {}, {:.2f} times plain; `auto` measures as it goes "
                                "and takes the best\n",
                                depth, report["best"].get<std::string>(), most));
}

}  // namespace

int RunDoctor(std::span<const std::string> arguments) {
  DoctorOptions options;
  CommandLine line("doctor", "What speculation can gain with a model on this machine, and what stands in its way.");
  line.Add({"Options", BindFields(options)});
  line.Example("longshot doctor -m model.gguf -d 8000");
  if (!ParseArguments(line, arguments)) return 0;
  const ResultFile result(options.json);
  const auto file = OpenDecoder(options.runtime.file.model);
  const Tokenizer tokenizer = LoadTokenizer(*file);
  const ModelConfig config = ExtendContext(file->config(), options.runtime, 0);
  json report = {{"model", options.runtime.file.model},
                 {"context", config.context},
                 {"usable_context", UsableContext(config)},
                 {"vocabulary", config.vocab_size}};
  WriteOutput(fmt::format("model: {}, {} layers, vocabulary of {}, context {}\n", options.runtime.file.model,
                          config.layers, config.vocab_size, UsableContext(config)));
  if (!options.other.empty()) report["vocabularies"] = TellVocabularies(tokenizer, options.other);
  const std::vector<Token> prompt = MadePrompt(tokenizer, options.depth);
  const int64_t context = std::ssize(prompt) + kTried;
  RequireContext(config, context, fmt::format("-d {}", options.depth));
  LoadedTarget loaded =
      LoadTarget(options.runtime, file, config,
                 {.context = context, .draft_bytes = DrafterChoice("auto").MostBytes({context, config.vocab_size})});
  TellMachine(loaded, options, context, report);
  CatchInterrupt();
  TellDrafters(Try(loaded, tokenizer, prompt), options.depth, report);
  if (result.wanted()) result.Write(Dump(report));
  return 0;
}

}  // namespace longshot
