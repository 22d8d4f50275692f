// labels: parity
// Every supported architecture and RoPE scaling against transformers, on tiny random checkpoints (tests/golden).
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "core/mapped_file.h"
#include "kernels/backends.h"
#include "runtime/kv/kv_store.h"
#include "runtime/model/model.h"

namespace longshot {
namespace {

class TinyCheckpoint : public testing::TestWithParam<const char*> {};

/// Logits of all rows of `ids`, one chain pass from an empty cache.
MatrixView ForwardAll(const Model& model, std::span<const Token> ids, KvStore& store, Scratch& scratch) {
  const SequenceId sequence = store.Open(model.Geometry(static_cast<int64_t>(ids.size()), DType::kF32, DType::kF32));
  std::vector<int32_t> parent(ids.size()), depth(ids.size());
  std::iota(parent.begin(), parent.end(), -1);
  std::iota(depth.begin(), depth.end(), 0);
  return model.Forward({.tokens = ids, .topology = {0, parent, depth, true}, .kv = &store.buffer(sequence)}, scratch);
}

TEST_P(TinyCheckpoint, LogitsAgreeWithTransformers) {
  const std::string folder = std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/" + GetParam();
  const auto golden = nlohmann::json::parse(ReadFile(folder + "/golden.json"));
  const auto ids = golden["ids"].get<std::vector<Token>>();
  const auto positions = golden["positions"].get<std::vector<int64_t>>();
  const auto file = std::make_shared<const ModelFile>(ModelFile::Open(folder));

  const auto reference = MakeReferenceBackend();
  const auto cpu = MakeCpuBackend({.threads = 2, .weights = WeightType::kF32});
  for (Backend* backend : {reference.get(), cpu.get()}) {
    const Model model(backend, file, file->config());
    KvStore store(backend);
    const auto rows = static_cast<int64_t>(ids.size());
    Scratch scratch(*backend, model.config(), rows, rows);
    const MatrixView logits = ForwardAll(model, ids, store, scratch);
    for (size_t i = 0; i < positions.size(); ++i) {
      const auto expected = golden["logits"][i].get<std::vector<float>>();
      ASSERT_EQ(static_cast<int64_t>(expected.size()), logits.cols);
      const float scale = std::abs(*std::max_element(expected.begin(), expected.end(),
                                                     [](float a, float b) { return std::abs(a) < std::abs(b); }));
      for (int64_t v = 0; v < logits.cols; ++v) {
        // Both sides accumulate in f32 (the reference in f64): a few hundred roundings of the largest term.
        EXPECT_NEAR(logits.data[positions[i] * logits.stride + v], expected[v], 2e-5f * scale)
            << backend->Describe().name << " position " << positions[i] << " token " << v;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, TinyCheckpoint,
                         testing::Values("llama", "llama_linear", "llama_llama3", "llama_yarn", "mistral", "qwen2",
                                         "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace longshot
