// labels: unit
// Every drafter with rows of the prompt from a file: the text is that of a run that read the whole prompt.
#include <gtest/gtest.h>

#include "drafters/registry.h"
#include "kernels/backends.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model_target.h"
#include "tests/numeric_paths.h"
#include "tests/runtime/cache/cache_case.h"
#include "tests/drafters/every_drafter.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr int64_t kDocument = 150;  ///< longer than two blocks of the cache and than the window below

/// A run over `prompt`: rows from `from` where it is not empty, the prompt's rows kept in `into`.
GenerateResult Generate(const Model& model, std::string_view drafter_name, std::span<const Token> prompt,
                        const std::string& from, const std::string& into = "") {
  ModelTarget target(&model, {.max_context = 256, .prefill_rows = 64, .max_rows = 24});
  const auto drafter = MakeEagerDrafter(drafter_name);
  const auto rule = MakeVerifier("coupled");
  const auto rows = prompt.first(prompt.size() - 1);
  const CacheIdentity identity = IdentityOfRows(model, DType::kBF16, DType::kBF16, "");
  GenerateRequest request;
  request.prompt = prompt;
  const GivenSource given(target, request);
  request.max_tokens = 24;
  request.ignore_eos = true;
  request.sampling.temperature = 0.8;
  request.seed = 21;
  request.draft.max_nodes = drafter_name == "none" ? 0 : 12;
  request.draft.max_depth = drafter_name == "none" ? 0 : 5;
  request.draft.cost = PassCost(0.001);
  request.restore = [&](SequenceId sequence) -> int64_t {
    if (from.empty()) return 0;
    const PromptCache cache(from);
    cache.RequireIdentity(identity);
    cache.Restore(target.store(), sequence, cache.CommonRows(rows));
    return cache.CommonRows(rows);
  };
  request.keep = [&](SequenceId sequence) {
    if (into.empty()) return;
    AtomicFile file(into);
    WritePromptCache(file, DescribeRows(target.store(), sequence, rows, identity), target.store(), sequence);
  };
  return Engine(&target, rule.get(), drafter.get()).Generate(request);
}

std::vector<Token> Join(std::vector<Token> head, const std::vector<Token>& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

TEST(DraftersWithPromptCache, TheTextIsThatOfAColdRun) {
  const TemporaryFolder folder;
  ForEachNumericPath([&](const CpuOptions& options) {
    CpuOptions team = options;
    team.threads = 2;
    const auto backend = MakeCpuBackend(team);
    const auto file = TinyModel("llama");
    const Model model(backend.get(), file, file->config());
    const int64_t vocab = file->config().vocab_size;
    const std::vector<Token> document = SomeTokens(kDocument, vocab, 3);
    const std::vector<Token> first = Join(document, SomeTokens(20, vocab, 4));
    struct Case {
      const char* name;
      std::vector<Token> prompt;
      int64_t cached;
    };
    std::vector<Token> changed = first;
    changed[70] = changed[70] == 0 ? 1 : 0;
    const Case cases[] = {{"the same prompt", first, std::ssize(first) - 1},
                          {"another question", Join(document, {first[150], first[151] == 0 ? 1 : 0, 6}), 151},
                          {"the beginning", std::vector<Token>(first.begin(), first.begin() + 100), 99},
                          {"a changed document", changed, 70}};
    for (const DrafterEntry& writer : Drafters()) {
      const std::string path = folder / ("cache-" + std::string(writer.name));
      const GenerateResult kept = Generate(model, writer.name, first, "", path);
      EXPECT_EQ(kept.tokens, Generate(model, "none", first, "").tokens);
      EXPECT_EQ(kept.metrics.cached_tokens, 0);
      for (const Case& c : cases) {
        const GenerateResult cold = Generate(model, "none", c.prompt, ""),
                             warm = Generate(model, writer.name, c.prompt, path);
        EXPECT_EQ(warm.tokens, cold.tokens) << writer.name << ", " << c.name;
        EXPECT_EQ(std::ssize(cold.tokens), 24);
        EXPECT_EQ(warm.metrics.prompt_tokens, std::ssize(c.prompt));
        EXPECT_EQ(warm.metrics.cached_tokens, c.cached) << c.name;
        EXPECT_EQ(warm.metrics.num_drafts > 0, writer.name != "none") << writer.name << ", " << c.name;
      }
    }
  });
}

/// A drafter that looks at what prefill shows it.
class TapReader final : public Drafter {
 public:
  std::string_view name() const override { return "tap-reader"; }
  Taps Needs() const override { return {.top_k = 4, .prefill_rows = 30}; }
  void Begin(const DraftContext& context) override { tap = *context.prefill; }
  void Propose(std::span<const Token>, const DraftBudget&, TokenTree&) override {}
  void Observe(const RoundView&) override {}
  int64_t bytes() const override { return 0; }

  PrefillTap tap;
};

TEST(DraftersWithPromptCache, TapsAreOfTheRowsThatWereComputed) {
  const TemporaryFolder folder;
  const auto backend = MakeReferenceBackend();
  const auto file = TinyModel("llama");
  const Model model(backend.get(), file, file->config());
  const std::vector<Token> prompt = SomeTokens(60, file->config().vocab_size, 5);
  Generate(model, "none", std::span(prompt).first(49), "", folder / "cache");  // rows of 48 tokens
  const auto taps_of = [&](int64_t cached) {
    ModelTarget target(&model, {.max_context = 128, .max_rows = 16});
    TapReader reader;
    const auto rule = MakeVerifier("coupled");
    GenerateRequest request{.prompt = prompt, .max_tokens = 1};
    request.restore = [&](SequenceId sequence) {
      PromptCache(folder / "cache").Restore(target.store(), sequence, cached);
      return cached;
    };
    Engine(&target, rule.get(), &reader).Generate(request);
    return reader.tap;
  };
  const PrefillTap cold = taps_of(0), warm = taps_of(48);
  EXPECT_EQ(cold.first_position, 29);
  EXPECT_EQ(warm.first_position, 48);
  EXPECT_EQ(std::ssize(warm.top), 11 * 4);
  EXPECT_EQ(warm.top, std::vector<Token>(cold.top.end() - 11 * 4, cold.top.end())) << "the same rows say the same";
}

}  // namespace
}  // namespace longshot
