// labels: unit
// Invariant 7 on logits: verifying a tree, in any shape, after any draft pass, from any prefill chunking, on any number
// of threads, gives every node the bits that plain decoding gives its token. A test on tokens would hide a last-bit
// difference until a near-tie.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "kernels/backends.h"
#include "runtime/engine/model_target.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr int kCases = 12;
constexpr int64_t kCapacity = 720;

std::shared_ptr<const ModelFile> OpenTiny(const std::string& name) {
  return std::make_shared<const ModelFile>(
      ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/" + name));
}

/// What one random case consists of; printed with a failure.
struct Case {
  explicit Case(uint32_t case_seed) : seed(case_seed), random(case_seed) {
    const std::vector<int64_t> borders{0, 1, 2, 62, 63, 64, 65, 127, 128, 130, 200, 300, 510, 511, 512, 513, 575, 640};
    base = borders[Draw(borders.size())];
    const DType types[] = {DType::kF32, DType::kF16, DType::kBF16};
    k_type = types[Draw(3)], v_type = Draw(4) == 0 ? types[Draw(3)] : k_type;
    nodes = 1 + Draw(24);
    branching = 1 + Draw(4);
  }
  int64_t Draw(size_t below) { return static_cast<int64_t>(random() % below); }

  std::vector<Token> Tokens(int64_t count, int64_t vocab) {
    std::vector<Token> tokens(count);
    for (Token& t : tokens) t = static_cast<Token>(Draw(vocab));
    return tokens;
  }
  /// A random tree: each node hangs from one of the last `branching` nodes; 1 makes a chain.
  TokenTree Tree(int64_t vocab) {
    TokenTree tree(static_cast<Token>(Draw(vocab)));
    while (tree.size() < nodes) {
      const int64_t back = std::min(tree.size(), branching);
      tree.Add(static_cast<NodeId>(tree.size() - 1 - Draw(back)), static_cast<Token>(Draw(vocab)),
               ProposalKind::kSampledReplacement);
    }
    return tree;
  }

  uint32_t seed;
  std::mt19937 random;
  int64_t base, nodes, branching;
  DType k_type, v_type;
};

std::vector<NodeId> PathTo(const TokenTree& tree, NodeId node) {
  std::vector<NodeId> path;
  for (; node >= 0; node = tree.parent(node)) path.insert(path.begin(), node);
  return path;
}

std::vector<float> Copy(std::span<const float> row) { return {row.begin(), row.end()}; }

void ExpectSameBits(const std::vector<float>& expected, std::span<const float> got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size());
  EXPECT_EQ(0, std::memcmp(expected.data(), got.data(), got.size_bytes())) << what;
}

/// Decodes one token plainly: a tree of one node, committed.
std::vector<float> Decode(ModelTarget& target, SequenceId sequence, Token token) {
  const TokenTree tree(token);
  const ScoreRequest request{.sequence = sequence, .tree = &tree};
  std::vector<float> logits = Copy(target.Score(std::span(&request, 1))[0].Logits(0));
  const NodeId root = 0;
  target.Commit(sequence, std::span(&root, 1));
  return logits;
}

/// Logits of every node by plain decoding from a cache truncated to `base`.
std::vector<std::vector<float>> DecodePaths(ModelTarget& target, SequenceId sequence, const TokenTree& tree,
                                            int64_t base) {
  std::vector<std::vector<float>> rows(tree.size());
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (tree.first_child(node) >= 0) continue;  // only leaves start a walk; it fills the rows of its path
    target.store().Truncate(sequence, base);
    for (NodeId v : PathTo(tree, node)) rows[v] = Decode(target, sequence, tree.token(v));
  }
  return rows;
}

void RunCase(const Model& plain_model, const Model& model, uint32_t seed) {
  Case c(seed);
  const std::string what = fmt::format("seed {} base {} nodes {} branching {} kv {}/{}", seed, c.base, c.nodes,
                                       c.branching, Info(c.k_type).name, Info(c.v_type).name);
  SCOPED_TRACE(what);
  const int64_t vocab = model.config().vocab_size;
  const std::vector<Token> prompt = c.Tokens(c.base, vocab);
  const TokenTree tree = c.Tree(vocab);

  ModelTarget plain(&plain_model, {.max_context = kCapacity, .k_type = c.k_type, .v_type = c.v_type, .prefill_rows = 512});
  const SequenceId a = plain.Open(kCapacity);
  if (c.base > 0) plain.Prefill({.sequence = a, .tokens = prompt});
  const std::vector<std::vector<float>> expected = DecodePaths(plain, a, tree, c.base);

  ModelTarget target(&model, {.max_context = kCapacity,
                              .k_type = c.k_type,
                              .v_type = c.v_type,
                              .prefill_rows = 1 + c.Draw(97)});
  target.store().set_poison(true);
  const SequenceId b = target.Open(kCapacity);
  if (c.base > 0) target.Prefill({.sequence = b, .tokens = prompt});
  // A draft pass through a window writes rows of draft quality, which verification must overwrite.
  WindowPolicy window(4, 1 + c.Draw(100));
  const ScoreRequest draft{.sequence = b, .tree = &tree, .view = &window.View(c.base)};
  target.Score(std::span(&draft, 1));
  const ScoreRequest verify{.sequence = b, .tree = &tree};
  const ScoredRows& rows = target.Score(std::span(&verify, 1))[0];
  for (NodeId node = 0; node < tree.size(); ++node) {
    ExpectSameBits(expected[node], rows.Logits(node), fmt::format("node {} at depth {}", node, tree.depth(node)));
  }

  // After a commit the cache is that of plain decoding: the next token has the same bits too.
  const std::vector<NodeId> path = PathTo(tree, static_cast<NodeId>(c.Draw(tree.size())));
  target.Commit(b, path);
  plain.store().Truncate(a, c.base);
  for (NodeId v : path) Decode(plain, a, tree.token(v));
  const auto next = static_cast<Token>(c.Draw(vocab));
  const std::vector<float> after = Decode(plain, a, next);
  ExpectSameBits(after, Decode(target, b, next), "after the commit");
}

TEST(Bitwise, EveryNodeHasTheBitsOfPlainDecoding) {
  ForEachNumericPath([](const CpuOptions& options) {
    CpuOptions one = options, two = options;
    one.threads = 1, two.threads = 2;
    const auto plain_backend = MakeCpuBackend(one), backend = MakeCpuBackend(two);
    for (const char* name : {"llama", "qwen2", "qwen3"}) {
      const auto file = OpenTiny(name);
      const Model plain(plain_backend.get(), file, file->config()), model(backend.get(), file, file->config());
      for (uint32_t seed = 0; seed < kCases; ++seed) {
        SCOPED_TRACE(name);
        RunCase(plain, model, seed);
      }
    }
  });
}

TEST(Bitwise, ReferenceKernelsAgreeWithThemselves) {
  const auto backend = MakeReferenceBackend();
  const auto file = OpenTiny("llama");
  const Model model(backend.get(), file, file->config());
  for (uint32_t seed = 100; seed < 106; ++seed) RunCase(model, model, seed);
}

/// The negative control: the same comparison sees the difference that a lossy view makes.
TEST(Bitwise, ComparisonSeesALossyView) {
  const auto backend = MakeReferenceBackend();
  const auto file = OpenTiny("llama");
  const Model model(backend.get(), file, file->config());
  ModelTarget target(&model, {.max_context = kCapacity});
  const SequenceId sequence = target.Open(kCapacity);
  target.Prefill({.sequence = sequence, .tokens = Case(1).Tokens(100, model.config().vocab_size)});
  const TokenTree tree(7);
  WindowPolicy window(4, 40);
  const ScoreRequest lossy{.sequence = sequence, .tree = &tree, .view = &window.View(100)};
  const std::vector<float> through_window = Copy(target.Score(std::span(&lossy, 1))[0].Logits(0));
  const ScoreRequest full{.sequence = sequence, .tree = &tree};
  const ScoredRows& rows = target.Score(std::span(&full, 1))[0];
  EXPECT_NE(0, std::memcmp(through_window.data(), rows.Logits(0).data(), rows.Logits(0).size_bytes()));
}

/// Exactness test 4: after each round the compacted cache equals a fresh prefill of the committed prefix, bit for bit.
TEST(KvTwin, CompactedCacheEqualsFreshPrefill) {
  const auto backend = MakeReferenceBackend();
  const auto file = OpenTiny("llama");
  const Model model(backend.get(), file, file->config());
  const ModelConfig& config = model.config();
  const int64_t width = int64_t{config.kv_heads} * config.head_dim;
  Case c(5);
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
