// labels: unit
// Every drafter in the registry on real decoders of random weights: the text is that of plain decoding, on
// every numeric path of this machine, with one thread and with two.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "drafters/registry.h"
#include "kernels/backends.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model_target.h"
#include "tests/drafters/every_drafter.h"
#include "tests/numeric_paths.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr int64_t kTokens = 32;
/// Longer than two key blocks of the cache and than the window below.
constexpr int64_t kPrompt = 150;

GenerateResult Generate(const Model& model, std::string_view drafter_name, double temperature) {
  ModelTarget target(&model, {.max_context = 256, .max_rows = 24});
  const auto drafter = MakeEagerDrafter(drafter_name);
  const auto rule = MakeVerifier("coupled");
  const std::vector<Token> prompt = RepeatingPrompt(3, kPrompt, model.config().vocab_size);
  GenerateRequest request;
  request.prompt = prompt;
  const GivenSource given(target, request);
  request.max_tokens = kTokens;
  request.ignore_eos = true;
  request.sampling.temperature = temperature;
  request.seed = 21;
  request.draft.max_nodes = drafter_name == "none" ? 0 : 12;
  request.draft.max_depth = drafter_name == "none" ? 0 : 5;
  request.draft.cost = PassCost(0.001);
  double now_ms = 0;
  request.now_ms = [&now_ms] { return now_ms += 1; };  // decisions by time repeat
  return Engine(&target, rule.get(), drafter.get()).Generate(request);
}

/// Compares every drafter on `model` with plain decoding on `plain_model`.
void ExpectPlainText(const Model& plain_model, const Model& model) {
  for (double temperature : {0.0, 0.8}) {
    const std::vector<Token> expected = Generate(plain_model, "none", temperature).tokens;
    ASSERT_EQ(std::ssize(expected), kTokens);
    for (const DrafterEntry& entry : Drafters()) {
      const GenerateResult drafted = Generate(model, entry.name, temperature);
      EXPECT_EQ(drafted.tokens, expected) << entry.name << " at temperature " << temperature;
      EXPECT_EQ(drafted.metrics.num_drafts > 0, entry.name != "none") << entry.name;
    }
  }
}

TEST(ModelConformance, TextIsThatOfPlainDecodingOnEveryNumericPath) {
  ForEachNumericPath([](const CpuOptions& options) {
    CpuOptions one = options, two = options;
    one.threads = 1, two.threads = 2;
    const auto plain_backend = MakeCpuBackend(one), backend = MakeCpuBackend(two);
    for (const char* name : {"llama", "qwen3"}) {
      SCOPED_TRACE(name);
      const auto file = std::make_shared<const ModelFile>(
          ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/" + name));
      const Model plain(plain_backend.get(), file, file->config()), model(backend.get(), file, file->config());
      ExpectPlainText(plain, model);
    }
  });
}

}  // namespace
}  // namespace longshot
