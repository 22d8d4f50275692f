// labels: real
// Exactness test 8: on the default model and a real document of more than 6,000 tokens, every drafter's text is plain
// decoding's, byte for byte, greedy and at T = 0.8, under every rule that promises it, with one thread and with two.
// tests/cli/generate_drafters_test.cpp does it through the command, where the runs share nothing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/mapped_file.h"
#include "drafters/registry.h"
#include "kernels/backends.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model_target.h"
#include "runtime/text/chat_format.h"
#include "runtime/text/tokenizer.h"
#include "tests/drafters/every_drafter.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr const char* kModel = LONGSHOT_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
constexpr const char* kText = "/usr/share/common-licenses/GPL-3";
constexpr int64_t kTokens = 64;

/// The real target, but a prompt that was fed before is not fed again: its sequence goes back to the prompt. What is
/// compared is decoding; feeding the same prompt for every drafter would only take time.
class SharedPrompt final : public Target {
 public:
  explicit SharedPrompt(ModelTarget* target) : target_(target) {}

  int64_t vocab_size() const override { return target_->vocab_size(); }
  int64_t max_context() const override { return target_->max_context(); }
  int64_t max_rows() const override { return target_->max_rows(); }
  SequenceId Open(int64_t) override {
    if (sequence_ < 0) sequence_ = target_->Open(target_->max_context());
    return sequence_;
  }
  void Close(SequenceId sequence) override {
    const TokenTree root(0);  // a last draft round may be open: a new one drops it, a commit ends it
    const ScoreRequest request{.sequence = sequence, .tree = &root};
    target_->Score({&request, 1});
    const NodeId node = 0;
    target_->Commit(sequence, {&node, 1});
  }
  int64_t committed(SequenceId sequence) const override { return target_->committed(sequence); }
  bool Prefill(const PrefillRequest& request) override {
    PrefillRequest tapped = request;
    tapped.tap = &tap_, tapped.tap_rows = 512, tapped.tap_k = 8;
    const auto rows = static_cast<int64_t>(request.tokens.size());
    if (tap_.top.empty()) {
      target_->Prefill(tapped);
    } else {
      target_->store().Truncate(sequence_, rows);
    }
    if (request.tap != nullptr) *request.tap = tap_;
    return true;
  }
  std::span<const ScoredRows> Score(std::span<const ScoreRequest> requests) override {
    return target_->Score(requests);
  }
  void Commit(SequenceId sequence, std::span<const NodeId> path) override { target_->Commit(sequence, path); }
  void Truncate(SequenceId sequence, int64_t length) override { target_->Truncate(sequence, length); }

 private:
  ModelTarget* target_;
  SequenceId sequence_ = -1;
  PrefillTap tap_;
};

struct Generated {
  std::vector<Token> tokens;
  GenerationMetrics metrics;
};

/// The document, then a question whose answer repeats some of it.
std::vector<Token> Prompt(const Tokenizer& tokenizer) {
  const std::string text = ReadFile(kText);
  ChatPrompt prompt;
  prompt.document = text.substr(0, text.rfind('\n', 31000));
  prompt.question = "Repeat this section word for word, then explain it:\n\n" + text.substr(4000, 1200);
  return EncodeChat(tokenizer, RecognizeChatFormat(tokenizer.vocabulary().chat_template), prompt);
}

struct Setting {
  std::string_view rule;
  double temperature;
};

/// `own`: where drafters with a text of their own read it, the end of the prompt.
Generated Generate(Target& target, Target& own, std::span<const Token> prompt, std::string_view drafter_name,
                   const Setting& setting) {
  DrafterConfig config;
  config.type = drafter_name;
  config.window.draft_cost = config.rag.draft_cost = 0.3, config.rag.read_cost = 1e-6;
  const auto drafter = MakeDrafter(config);
  const auto rule = MakeVerifier(setting.rule);
  GenerateRequest request;
  request.prompt = prompt;
  const DraftSource source = SourceOf(prompt.last(600));
  if (drafter_name != "draft-simple") request.draft_source = &source, request.draft_target = &own;
  request.max_tokens = kTokens;
  request.ignore_eos = true;
  request.sampling.temperature = setting.temperature;
  request.sampling.repeat_penalty = 1.05;  // each node has a history, and so penalties, of its own
  request.seed = 7;
  request.draft.max_nodes = drafter_name == "none" ? 0 : 15;
  request.draft.max_depth = drafter_name == "none" ? 0 : 8;
  request.draft.cost = PassCost(0.02);
  double now_ms = 0;
  request.now_ms = [&now_ms] { return now_ms += 1; };  // decisions by time repeat
  GenerateResult result = Engine(&target, rule.get(), drafter.get()).Generate(request);
  return {std::move(result.tokens), std::move(result.metrics)};
}

TEST(RealModel, EveryDrafterGivesTheTextOfPlainDecoding) {
  if (!std::filesystem::exists(kModel)) GTEST_SKIP() << "no default model: run `make model`";
  if (!std::filesystem::exists(kText)) GTEST_SKIP() << kText << " is missing: install the package base-files";
  const auto file = std::make_shared<const ModelFile>(ModelFile::Open(kModel));
  const Tokenizer tokenizer(file->vocabulary());
  const std::vector<Token> prompt = Prompt(tokenizer);
  ASSERT_GT(prompt.size(), 6000u);

  std::map<double, std::string> plain;  // by temperature, from the first run: one thread, no drafter
  for (int threads : {1, 2}) {
    const auto backend = MakeCpuBackend({.threads = threads});
    const Model model(backend.get(), file, file->config());
    ModelTarget target(&model, {.max_context = 8192});
    SharedPrompt shared(&target);
    std::vector<Setting> settings{{"coupled", 0.0}, {"coupled", 0.8}};
    if (threads == 2) settings.insert(settings.end(), {{"greedy", 0.0}, {"rejection", 0.0}});
    for (const Setting& setting : settings) {
      for (const DrafterEntry& entry : Drafters()) {
        const Generated got = Generate(shared, target, prompt, entry.name, setting);
        ASSERT_EQ(kTokens, std::ssize(got.tokens));
        const std::string text = tokenizer.Decode(got.tokens);
        const std::string what =
            fmt::format("{} thread(s), {}, T {}, {}", threads, setting.rule, setting.temperature, entry.name);
        if (plain[setting.temperature].empty()) plain[setting.temperature] = text;
        EXPECT_EQ(plain[setting.temperature], text) << what;
        EXPECT_EQ(entry.name == "none" || entry.name == "draft-simple", got.metrics.num_draft_tokens == 0) << what;
        fmt::print("{}: mean acceptance length {:.2f}\n", what, got.metrics.MeanAcceptanceLength());
      }
    }
  }
  EXPECT_NE(plain[0.0], plain[0.8]);  // the comparison can tell two texts apart
}

}  // namespace
}  // namespace longshot
