// labels: unit
// What a model's target promises beside its numbers: any size of prompt pass, contexts shorter than a pass, and
// backends whose memory the host cannot read.
#include "runtime/engine/model_target.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "core/error.h"
#include "kernels/backends.h"
#include "tests/runtime/engine/far_backend.h"

namespace longshot {
namespace {

Model OpenTiny(Backend* backend) {
  auto file =
      std::make_shared<const ModelFile>(ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/llama"));
  return Model(backend, file, file->config());
}

std::vector<Token> SomeTokens(int64_t count, int64_t vocab) {
  std::vector<Token> tokens(count);
  for (int64_t i = 0; i < count; ++i) tokens[i] = static_cast<Token>((i * 37 + i * i * 11) % vocab);
  return tokens;
}

PrefillTap TapsOf(const Model& model, int64_t prefill_rows, std::span<const Token> tokens, int tap_rows) {
  ModelTarget target(&model, {.max_context = 256, .prefill_rows = prefill_rows});
  const SequenceId sequence = target.Open(256);
  PrefillTap tap;
  EXPECT_TRUE(target.Prefill({.sequence = sequence, .tokens = tokens, .tap_rows = tap_rows, .tap_k = 4, .tap = &tap}));
  EXPECT_EQ(target.committed(sequence), std::ssize(tokens));
  return tap;
}

TEST(ModelTarget, TapsDoNotDependOnTheRowsOfAPromptPass) {
  const auto backend = MakeCpuBackend({.threads = 1});
  const Model model = OpenTiny(backend.get());
  const std::vector<Token> tokens = SomeTokens(201, model.config().vocab_size);
  for (const int tap_rows : {1, 150, 512}) {
    const PrefillTap expected = TapsOf(model, 512, tokens, tap_rows);
    ASSERT_EQ(std::ssize(expected.top), 4 * std::min(tap_rows, 201));
    for (const int64_t prefill_rows : {1, 7, 63, 64, 127, 129}) {
      const PrefillTap tap = TapsOf(model, prefill_rows, tokens, tap_rows);
      EXPECT_EQ(tap.first_position, expected.first_position);
      EXPECT_EQ(tap.top, expected.top) << prefill_rows << " rows a pass, " << tap_rows << " tapped";
    }
  }
}

TEST(ModelTarget, TimedPassesLeaveNothingBehind) {
  const auto backend = MakeCpuBackend({.threads = 1});
  const Model model = OpenTiny(backend.get());
  ModelTarget target(&model, {.max_context = 40});
  const SequenceId sequence = target.Open(40);
  const std::vector<Token> tokens = SomeTokens(20, model.config().vocab_size);
  target.Prefill({.sequence = sequence, .tokens = tokens});
  const TokenTree root(tokens[0]);
  const ScoreRequest request{.sequence = sequence, .tree = &root};
  const auto logits = [&] {
    const std::span<const float> row = target.Score({&request, 1})[0].Logits(0);
    return std::vector<float>(row.begin(), row.end());
  };
  const std::vector<float> before = logits();
  target.Commit(sequence, std::vector<NodeId>{0});
  target.store().Truncate(sequence, 20);
  EXPECT_EQ(target.free_rows(sequence), 20);
  TokenTree tree(0);
  while (tree.size() < 20) tree.Add(static_cast<NodeId>((tree.size() - 1) / 4), static_cast<Token>(tree.size()));
  WindowPolicy window(1, 4);
  EXPECT_GT(target.PassMs(sequence, tree, nullptr, 2), 0);
  EXPECT_GT(target.PassMs(sequence, TokenTree(3), &window.View(20), 1), 0);
  EXPECT_EQ(target.committed(sequence), 20);
  EXPECT_EQ(logits(), before);
}

TEST(ModelTarget, LogitsComeThroughDownloadWhereTheHostCannotReadTheBackend) {
  const auto near = MakeReferenceBackend();
  FarBackend far(MakeReferenceBackend());
  const Model near_model = OpenTiny(near.get()), far_model = OpenTiny(&far);
  ModelTarget near_target(&near_model, {.max_context = 64}), far_target(&far_model, {.max_context = 64});
  const SequenceId near_sequence = near_target.Open(64), far_sequence = far_target.Open(64);
  TokenTree tree(5);
  tree.Add(0, 7), tree.Add(0, 9), tree.Add(1, 3);
  const ScoreRequest near_request{.sequence = near_sequence, .tree = &tree},
      far_request{.sequence = far_sequence, .tree = &tree};
  const ScoredRows expected = near_target.Score({&near_request, 1})[0];
  const ScoredRows rows = far_target.Score({&far_request, 1})[0];
  EXPECT_EQ(far.downloads(), 1);
  ASSERT_EQ(rows.count(), 4);
  for (NodeId node = 0; node < 4; ++node) {
    EXPECT_FALSE(far.Owns(rows.Logits(node).data())) << "the host was handed a backend address";
    EXPECT_EQ(std::memcmp(rows.Logits(node).data(), expected.Logits(node).data(), rows.Logits(node).size_bytes()), 0);
  }
}

}  // namespace
}  // namespace longshot
