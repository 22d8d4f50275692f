// labels: unit
// Invariant 7 on logits: verifying a tree, in any shape, after any draft pass, from any prefill chunking, on any number
// of threads, gives every node the bits that plain decoding gives its token. A test on tokens would hide a last-bit
// difference until a near-tie.
#include <gtest/gtest.h>

#include "kernels/backends.h"
#include "tests/numeric_paths.h"
#include "tests/runtime/engine/bitwise_cases.h"

namespace longshot {
namespace {

constexpr int64_t kCapacity = 720;
constexpr uint32_t kCases = 60;  ///< for each of four models and every numeric path; bitwise_long_test.cpp runs more

TEST(Bitwise, EveryNodeHasTheBitsOfPlainDecoding) {
  ForEachNumericPath([](const CpuOptions& options) { RunBitwiseCases(options, 0, kCases, {.capacity = kCapacity}); });
}

TEST(Bitwise, ReferenceKernelsAgreeWithThemselves) {
  const auto backend = MakeReferenceBackend();
  const auto file = OpenTiny("llama");
  const Model model(backend.get(), file, file->config());
  for (uint32_t seed = 100; seed < 110; ++seed) RunBitwiseCase(model, model, BitwiseCase(seed), kCapacity);
}

/// The cases cover what the sweep promises: the draws may not drift to trees or contexts of one kind.
TEST(Bitwise, CasesAreVaried) {
  int borders = 0, longs = 0, chains = 0, mixed = 0;
  for (uint32_t seed = 0; seed < kCases; ++seed) {
    BitwiseCase c(seed);
    borders += (c.base % 64 > 40 || c.base % 64 == 0) && c.base + c.nodes > (c.base + 63) / 64 * 64;
    longs += c.base > 200;
    chains += c.branching == 1;
    mixed += c.k_type != c.v_type;
    EXPECT_LE(c.base + c.nodes, kCapacity - 64);
  }
  EXPECT_GE(borders, 10);
  EXPECT_GE(longs, 2);
  EXPECT_GE(chains, 10);
  EXPECT_GE(mixed, 5);
}

/// The negative control: the same comparison sees the difference that a lossy view makes.
TEST(Bitwise, ComparisonSeesALossyView) {
  const auto backend = MakeReferenceBackend();
  const auto file = OpenTiny("llama");
  const Model model(backend.get(), file, file->config());
  ModelTarget target(&model, {.max_context = kCapacity});
  const SequenceId sequence = target.Open(kCapacity);
  target.Prefill({.sequence = sequence, .tokens = BitwiseCase(1).Tokens(100, model.config().vocab_size)});
  const TokenTree tree(7);
  WindowPolicy window(4, 40);
  const ScoreRequest lossy{.sequence = sequence, .tree = &tree, .view = &window.View(100)};
  const std::vector<float> through_window = CopyRow(target.Score(std::span(&lossy, 1))[0].Logits(0));
  const ScoreRequest full{.sequence = sequence, .tree = &tree};
  const ScoredRows& rows = target.Score(std::span(&full, 1))[0];
  EXPECT_FALSE(SameBits(through_window, rows.Logits(0)));
}

/// Exactness test 4: after each round the compacted cache equals a fresh prefill of the committed prefix, bit for bit.
TEST(KvTwin, CompactedCacheEqualsFreshPrefill) {
  const auto backend = MakeReferenceBackend();
  const auto file = OpenTiny("llama");
  const Model model(backend.get(), file, file->config());
  const ModelConfig& config = model.config();
  const int64_t width = int64_t{config.kv_heads} * config.head_dim;
  BitwiseCase c(5);
  ModelTarget target(&model, {.max_context = kCapacity, .k_type = DType::kF16, .v_type = DType::kBF16});
  target.store().set_poison(true);
  const SequenceId sequence = target.Open(kCapacity);
  std::vector<Token> committed = c.Tokens(50, config.vocab_size);
  target.Prefill({.sequence = sequence, .tokens = committed});
  for (int round = 0; round < 8; ++round) {
    const TokenTree tree = c.Tree(config.vocab_size);
    const ScoreRequest verify{.sequence = sequence, .tree = &tree};
    target.Score(std::span(&verify, 1));
    const std::vector<NodeId> path = PathTo(tree, static_cast<NodeId>(c.Draw(tree.size())));
    target.Commit(sequence, path);
    for (NodeId v : path) committed.push_back(tree.token(v));

    const SequenceId fresh = target.Open(kCapacity);
    target.Prefill({.sequence = fresh, .tokens = committed});
    const auto rows = static_cast<int64_t>(committed.size());
    std::vector<float> k(rows * width), v(k.size()), fresh_k(k.size()), fresh_v(k.size());
    for (int layer = 0; layer < config.layers; ++layer) {
      backend->ExportKv(target.store().buffer(sequence), layer, 0, {k.data(), rows, width, width},
                        {v.data(), rows, width, width});
      backend->ExportKv(target.store().buffer(fresh), layer, 0, {fresh_k.data(), rows, width, width},
                        {fresh_v.data(), rows, width, width});
      EXPECT_EQ(0, std::memcmp(k.data(), fresh_k.data(), k.size() * 4)) << "round " << round << " layer " << layer;
      EXPECT_EQ(0, std::memcmp(v.data(), fresh_v.data(), v.size() * 4)) << "round " << round << " layer " << layer;
    }
    target.Close(fresh);
  }
}

}  // namespace
}  // namespace longshot
