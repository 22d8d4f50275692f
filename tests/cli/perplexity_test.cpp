// labels: real
// `longshot perplexity` end to end on the default model, against transformers' figures for the same text
// (tests/golden).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/mapped_file.h"
#include "runtime/model/model_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

constexpr const char* kText = "/usr/share/common-licenses/GPL-3";
constexpr int64_t kWindow = 2048, kWindows = 1;

/// The first `count` floats of a golden file.
double GoldenMean(const std::string& name, size_t count) {
  const std::string bytes = ReadFile(LONGSHOT_SOURCE_DIR "/tests/golden/" + name);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  CHECK(values.size() >= count);
  return std::accumulate(values.begin(), values.begin() + static_cast<int64_t>(count), 0.0) /
         static_cast<double>(count);
}

class Perplexity : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasModel()) GTEST_SKIP() << "no default model: run `make model`";
    if (!std::filesystem::exists(kText)) GTEST_SKIP() << kText << " is missing: install the package base-files";
  }
  /// A file with the first `count` tokens of the text.
  std::string Beginning(int64_t count) {
    const Tokenizer tokenizer(ModelFile::Open(kModel).vocabulary());
    const std::vector<Token> ids = tokenizer.Encode(ReadFile(kText));
    const std::string text = tokenizer.Decode(std::span(ids).first(count));
    EXPECT_EQ(count, std::ssize(tokenizer.Encode(text))) << "the cut changes the tokens";
    const std::string name = fmt::format("text_{}", count);
    folder_.Write(name, text);
    return folder_ / name;
  }
  nlohmann::json Run(const std::string& text, std::vector<std::string> more) {
    std::vector<std::string> arguments{"perplexity", "-m", kModel, "-f", text, "-t", "2", "--json", folder_ / "report"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = RunLongshot(arguments);
    EXPECT_EQ(0, outcome.status) << outcome.err;
    return nlohmann::json::parse(ReadFile(folder_ / "report"));
  }
  static std::vector<std::string> F32(std::vector<std::string> more) {
    more.insert(more.end(), {"--weight-type", "f32", "-ctk", "f32", "-ctv", "f32"});
    return more;
  }

  TemporaryFolder folder_;
};

TEST_F(Perplexity, EveryPositionOfEachWindow) {
  const std::string text = Beginning(kWindow * kWindows);
  const double golden = GoldenMean("smollm2_nll_2048.bin", kWindows * (kWindow - 1));
  const auto f32 = Run(text, F32({"-c", "2048", "--all"}));
  EXPECT_EQ(kWindows * (kWindow - 1), f32["n_tokens"].get<int64_t>());
  EXPECT_NEAR(std::exp(f32["mean_nll"].get<double>() - golden), 1.0, 1e-4);
  const auto standard = Run(text, {"-c", "2048", "--all"});
  EXPECT_NEAR(std::exp(standard["mean_nll"].get<double>() - golden), 1.0, 3e-3);
  EXPECT_NE(standard["mean_nll"], f32["mean_nll"]) << "the weight type has no effect";
  const auto q8 = Run(text, {"-c", "2048", "--all", "--weight-type", "f32", "-ctk", "q8_0", "-ctv", "q8_0"});
  EXPECT_NEAR(std::exp(q8["mean_nll"].get<double>() - golden), 1.0, 5e-3);
  EXPECT_NE(q8["mean_nll"], f32["mean_nll"]) << "the cache type has no effect";
}

TEST_F(Perplexity, SecondHalvesAsLlamaCppScores) {
  const auto golden = nlohmann::json::parse(ReadFile(LONGSHOT_SOURCE_DIR "/tests/golden/smollm2_logits.json"));
  const auto& expected = golden["perplexity"]["ctx_2048_second_halves"];
  const auto got = Run(kText, F32({"-c", "2048"}));
  EXPECT_EQ(expected["tokens"], got["n_tokens"]);
  EXPECT_NEAR(got["perplexity"].get<double>() / expected["perplexity"].get<double>(), 1.0, 1e-4);
}

TEST_F(Perplexity, DecodePathGivesTheFiguresOfThePromptPath) {
  constexpr int64_t kTokens = 200;
  const std::string text = Beginning(kTokens);
  const double golden = GoldenMean("smollm2_nll.bin", kTokens - 1);
  const auto decoded = Run(text, F32({"-c", "200", "--all", "--decode"}));
  EXPECT_EQ(kTokens - 1, decoded["n_tokens"].get<int64_t>());
  EXPECT_NEAR(std::exp(decoded["mean_nll"].get<double>() - golden), 1.0, 1e-4);
  for (const auto& flags : {F32({}), std::vector<std::string>{}}) {
    std::vector<std::string> prompt = flags, decode = flags;
    prompt.insert(prompt.end(), {"-c", "128", "--all"});
    decode.insert(decode.end(), {"-c", "128", "--all", "--decode"});
    const double of_prompt = Run(text, prompt)["mean_nll"], of_decode = Run(text, decode)["mean_nll"];
    // In f32 both paths have the same bits; with stored weights prompt rows may be rounded, and any rounding moves these
    // few tokens by some hundredths: f16 rows instead of bf16 by 0.04.
    EXPECT_NEAR(of_prompt, of_decode, flags.empty() ? 0.1 : 0.0);
  }
}

}  // namespace
}  // namespace longshot
