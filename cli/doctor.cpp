#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "core/error.h"
#include "core/printable.h"
#include "session/loaded_target.h"
#include "session/output.h"
#include "session/report.h"
#include "session/session.h"

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
                .minimum = 16,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "context at which passes are timed"},
          self.depth);
    visit(Field{.name = "json", .flags = "--json", .unit = "FILE", .help = "write the findings"}, self.json);
    RuntimeOptions::VisitFields(self.runtime, visit);
  }
};

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

/// Passes timed behind `depth` tokens, whatever they are: only their time is told.
DraftPlan TimePasses(ModelTarget& target, int64_t depth, int64_t capacity) {
  std::vector<Token> filler(static_cast<size_t>(depth));
  for (int64_t i = 0; i < depth; ++i)
    filler[static_cast<size_t>(i)] = static_cast<Token>((i * 7919 + 13) % target.vocab_size());
  const SequenceId sequence = target.Open(capacity);
  PrefillRequest prefill;
  prefill.sequence = sequence;
  prefill.tokens = filler;
  target.Prefill(prefill);
  DrafterConfig window;
  window.type = "window";
  DraftPlan plan = MeasureDraft(target, sequence, window);
  target.Close(sequence);
  return plan;
}

/// What each way of drafting needs to gain, and which needs least.
void TellBreakEven(const DraftPlan& plan, int64_t depth, json& report) {
  const VerificationCost cost{plan.verification_ms};
  report["verification_ms"] = plan.ToJson()["verification_ms"];
  WriteOutput("verification:");
  for (const auto& point : cost.points()) WriteOutput(fmt::format(" {} rows {:.1f} ms", point.rows, point.ms));
  WriteOutput("\n");
  struct Offer {
    const char* name;
    const char* what;
    double draft_cost;
  };
  const Offer offers[] = {{"copy, token-recycling", "look-ups, drafting costs nothing", 0},
                          {"window", "the model on a window of its cache", plan.pass_cost}};
  report["break_even"] = json::array(), report["best"] = nullptr;
  double least = 1;
  for (const Offer& offer : offers) {
    const BreakEven even = FindBreakEven(cost, offer.draft_cost);
    const bool gains = even.length > 0;
    report["break_even"].push_back({{"drafter", offer.name},
                                    {"draft_cost", offer.draft_cost},
                                    {"acceptance", gains ? json(even.acceptance) : json(nullptr)},
                                    {"length", even.length}});
    WriteOutput(gains
                    ? fmt::format("{} ({}; {:.2f} of a step per token): gains from {:.0f} % acceptance on, drafting {} "
                                  "tokens\n",
                                  offer.name, offer.what, offer.draft_cost, even.acceptance * 100, even.length)
                    : fmt::format("{} ({}): cannot gain at this context\n", offer.name, offer.what));
    if (gains && even.acceptance < least) least = even.acceptance, report["best"] = offer.name;
  }
  if (report["best"].is_null()) return;
  WriteOutput(fmt::format("lowest bar at {} tokens: {}; `auto` measures acceptance as it goes and takes the best\n",
                          depth, report["best"].get<std::string>()));
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
  constexpr int64_t kRoom = 64;
  const int64_t context = options.depth + kRoom;
  RequireContext(config, context, fmt::format("-d {}", options.depth));
  LoadedTarget loaded = LoadTarget(options.runtime, file, config, {.context = context});
  TellMachine(loaded, options, context, report);
  TellBreakEven(TimePasses(*loaded.target, options.depth, context), options.depth, report);
  if (result.wanted()) result.Write(Dump(report));
  return 0;
}

}  // namespace longshot
