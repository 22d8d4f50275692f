// labels: real
// The default model against transformers in f32 on the same dequantised weights: 759 positions of a real text, to
// beyond position 6000 (tests/golden). Skips, with the command that mends it, where the model has not been fetched.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "core/sha256.h"
#include "runtime/engine/model_target.h"
#include "runtime/text/tokenizer.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr int kTop = 64;
constexpr const char* kText = "/usr/share/common-licenses/GPL-3";

/// One record of smollm2_logits.bin.
struct GoldenRow {
  int32_t position, id;
  float log_sum, gap;
  int32_t top_ids[kTop];
  float top_logits[kTop];
};
static_assert(sizeof(GoldenRow) == 528);

std::string GoldenFile(const std::string& name) { return ReadFile(LONGSHOT_SOURCE_DIR "/tests/golden/" + name); }
std::string ModelPath() { return LONGSHOT_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf"; }

template <class T>
std::vector<T> GoldenArray(const std::string& name) {
  const std::string bytes = GoldenFile(name);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

double LogSumExp(std::span<const float> logits) {
  const float max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float x : logits) sum += std::exp(double{x} - max);
  return max + std::log(sum);
}

/// KL(golden || ours) over the golden top 64 tokens and the rest as one outcome: a lower bound of the KL of the whole
/// rows, close to it because those 64 hold nearly all of the probability (`rest`).
double KlOfTop(const GoldenRow& golden, std::span<const float> logits) {
  const double log_sum = LogSumExp(logits);
  double kl = 0, rest_golden = 1, rest_ours = 1;
  for (int i = 0; i < kTop; ++i) {
    const double log_p = double{golden.top_logits[i]} - golden.log_sum;
    const double log_q = double{logits[golden.top_ids[i]]} - log_sum;
    kl += std::exp(log_p) * (log_p - log_q);
    rest_golden -= std::exp(log_p), rest_ours -= std::exp(log_q);
  }
  if (rest_golden > 1e-9 && rest_ours > 1e-9) kl += rest_golden * std::log(rest_golden / rest_ours);
  return kl;
}

struct Agreement {
  double kl = 0, nll = 0;
  int rows = 0, argmax_differs = 0, near_ties = 0;
};

/// Feeds the text, `step` tokens a pass, and compares every golden row.
Agreement Compare(const CpuOptions& options, DType kv_type, int64_t step) {
  const auto backend = MakeCpuBackend(options);
  const auto file = std::make_shared<const ModelFile>(ModelFile::Open(ModelPath()));
  const Model model(backend.get(), file, file->config());
  const Tokenizer tokenizer(file->vocabulary());
  const std::vector<Token> ids = tokenizer.Encode(ReadFile(kText), {});
  const auto golden = GoldenArray<GoldenRow>("smollm2_logits.bin");
  ModelTarget target(&model, {.max_context = 8192, .k_type = kv_type, .v_type = kv_type, .max_rows = 64});
  const SequenceId sequence = target.Open(8192);

  Agreement result;
  size_t next = 0;
  const auto total = static_cast<int64_t>(ids.size());
  for (int64_t at = 0; at < total; at += step) {
    TokenTree tree(ids[at]);
    std::vector<NodeId> path{0};
    for (int64_t i = at + 1; i < std::min(at + step, total); ++i) path.push_back(tree.Add(path.back(), ids[i]));
    const ScoreRequest request{.sequence = sequence, .tree = &tree};
    const ScoredRows& rows = target.Score(std::span(&request, 1))[0];
    for (NodeId v : path) {
      const std::span<const float> logits = rows.Logits(v);
      if (at + v + 1 < total) result.nll += LogSumExp(logits) - logits[ids[at + v + 1]];
      if (next >= golden.size() || golden[next].position != at + v) continue;
      const GoldenRow& row = golden[next++];
      EXPECT_EQ(row.id, ids[at + v]) << "position " << row.position;
      const auto argmax = std::max_element(logits.begin(), logits.end()) - logits.begin();
      result.kl += KlOfTop(row, logits);
      ++result.rows;
      if (row.gap < 1e-3f) {
        ++result.near_ties;
      } else {
        result.argmax_differs += argmax != row.top_ids[0];
      }
    }
    target.Commit(sequence, path);
  }
  EXPECT_EQ(next, golden.size());
  result.kl /= result.rows;
  result.nll /= static_cast<double>(total - 1);
  return result;
}

double GoldenNll() {
  double sum = 0;
  const auto nll = GoldenArray<float>("smollm2_nll.bin");
  for (float x : nll) sum += x;
  return sum / static_cast<double>(nll.size());
}

class DefaultModel : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ModelPath())) GTEST_SKIP() << "no default model: run `make model`";
    if (!std::filesystem::exists(kText)) GTEST_SKIP() << kText << " is missing: install the package base-files";
  }
};

/// The windows of smollm2_nll_2048.bin, each from an empty cache: 448 tokens through `Prefill`, the next 64 as one
/// verification, and so on. Mean difference of the scored positions' -log p from the golden one, and the largest.
std::pair<double, double> ContinueFromPrompts(const CpuOptions& options, DType kv_type, int64_t windows) {
  constexpr int64_t kWindow = 2048, kFed = 448, kScored = 64;
  const auto backend = MakeCpuBackend(options);
  const auto file = std::make_shared<const ModelFile>(ModelFile::Open(ModelPath()));
  const Model model(backend.get(), file, file->config());
  const std::vector<Token> ids = Tokenizer(file->vocabulary()).Encode(ReadFile(kText), {});
  const auto golden = GoldenArray<float>("smollm2_nll_2048.bin");
  ModelTarget target(&model, {.max_context = kWindow, .k_type = kv_type, .v_type = kv_type});
  const SequenceId sequence = target.Open(kWindow);
  double sum = 0, largest = 0;
  int64_t scored = 0;
  for (int64_t window = 0; window < windows; ++window) {
    target.store().Truncate(sequence, 0);
    const std::span<const Token> text = std::span(ids).subspan(window * kWindow, kWindow);
    for (int64_t at = 0; at < kWindow; at += kFed + kScored) {
      target.Prefill({.sequence = sequence, .tokens = text.subspan(at, kFed)});
      TokenTree tree(text[at + kFed]);
      std::vector<NodeId> path{0};
      for (int64_t i = 1; i < kScored; ++i) path.push_back(tree.Add(path.back(), text[at + kFed + i]));
      const ScoreRequest request{.sequence = sequence, .tree = &tree};
      const ScoredRows& rows = target.Score(std::span(&request, 1))[0];
      for (int64_t i = at + kFed; i < std::min(at + kFed + kScored, kWindow - 1); ++i, ++scored) {
        const std::span<const float> logits = rows.Logits(static_cast<NodeId>(i - at - kFed));
        const double nll = LogSumExp(logits) - logits[text[i + 1]];
        const double difference = nll - golden[window * (kWindow - 1) + i];
        sum += difference, largest = std::max(largest, std::abs(difference));
      }
      target.Commit(sequence, path);
    }
  }
  return {sum / static_cast<double>(scored), largest};
}

TEST_F(DefaultModel, ContinuationOfAPromptAgreesWithTransformers) {
  const auto [f32, f32_largest] = ContinueFromPrompts({.threads = 2, .weights = WeightType::kF32}, DType::kF32, 1);
  fmt::print("f32: mean difference {:.2e}, largest {:.2e}\n", f32, f32_largest);
  EXPECT_NEAR(f32, 0, 1e-4);
  EXPECT_LT(f32_largest, 5e-3);
  const auto [standard, standard_largest] = ContinueFromPrompts({.threads = 2}, DType::kBF16, 3);
  fmt::print("default path: mean difference {:.2e}, largest {:.2e}\n", standard, standard_largest);
  EXPECT_NEAR(standard, 0, 1e-2);
  EXPECT_GT(standard_largest, f32_largest);
}

/// Every logit of the first `count` tokens of the text, `step` tokens a pass.
std::vector<float> AllLogits(const Model& model, std::span<const Token> ids, int64_t step, DType kv_type) {
  const auto total = static_cast<int64_t>(ids.size());
  ModelTarget target(&model, {.max_context = total + 64, .k_type = kv_type, .v_type = kv_type});
  const SequenceId sequence = target.Open(total + 64);
  std::vector<float> all;
  for (int64_t at = 0; at < total; at += step) {
    TokenTree tree(ids[at]);
    std::vector<NodeId> path{0};
    for (int64_t i = at + 1; i < std::min(at + step, total); ++i) path.push_back(tree.Add(path.back(), ids[i]));
    const ScoreRequest request{.sequence = sequence, .tree = &tree};
    const ScoredRows& rows = target.Score(std::span(&request, 1))[0];
    for (NodeId v : path) all.insert(all.end(), rows.Logits(v).begin(), rows.Logits(v).end());
    target.Commit(sequence, path);
  }
  return all;
}

TEST_F(DefaultModel, DecodePathHasTheBitsOfWidePasses) {
  for (const DType kv_type : {DType::kF32, DType::kBF16, DType::kQ8_0}) {
    CpuOptions options{.threads = 2};
    if (kv_type == DType::kF32) options.weights = WeightType::kF32;
    const auto backend = MakeCpuBackend(options);
    const auto file = std::make_shared<const ModelFile>(ModelFile::Open(ModelPath()));
    const Model model(backend.get(), file, file->config());
    const std::vector<Token> ids = Tokenizer(file->vocabulary()).Encode(ReadFile(kText), {});
    const std::span<const Token> text = std::span(ids).first(150);
    const std::vector<float> one = AllLogits(model, text, 1, kv_type), wide = AllLogits(model, text, 64, kv_type);
    ASSERT_EQ(one.size(), wide.size());
    EXPECT_EQ(0, std::memcmp(one.data(), wide.data(), one.size() * sizeof(float)));
  }
}

TEST_F(DefaultModel, F32PathAgreesWithTransformers) {
  ForEachNumericPath([](const CpuOptions& path) {
    if (path.weights != WeightType::kF32 || path.isa != DetectCpu().BestIsa()) return;
    CpuOptions options = path;
    options.threads = 2;
    const Agreement got = Compare(options, DType::kF32, 64);
    fmt::print("f32: KL {:.2e}, argmax differs at {} of {}, {} near ties apart, perplexity {:.5f} against {:.5f}\n",
               got.kl, got.argmax_differs, got.rows, got.near_ties, std::exp(got.nll), std::exp(GoldenNll()));
    EXPECT_GE(got.rows, 512);
    EXPECT_EQ(0, got.argmax_differs);
    EXPECT_LE(got.near_ties, 3);
    EXPECT_LT(got.kl, 1e-4);
    EXPECT_NEAR(std::exp(got.nll) / std::exp(GoldenNll()), 1.0, 1e-4);
  });
}

TEST_F(DefaultModel, DefaultPathKeepsItsQuality) {
  const Agreement got = Compare({.threads = 2}, DType::kBF16, 64);
  fmt::print("default path: KL {:.2e}, argmax differs at {} of {}, perplexity {:.4f} against {:.4f}\n", got.kl,
             got.argmax_differs, got.rows, std::exp(got.nll), std::exp(GoldenNll()));
  EXPECT_NEAR(std::exp(got.nll) / std::exp(GoldenNll()), 1.0, 3e-3);
  EXPECT_LT(got.kl, 1e-2);
}

}  // namespace
}  // namespace longshot
