#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/backends.h"
#include "runtime/engine/model_target.h"

/// Random cases of invariant 7 on logits (exactness test 7): what is drawn, and how two targets are compared.
namespace longshot {

inline std::shared_ptr<const ModelFile> OpenTiny(const std::string& name) {
  return std::make_shared<const ModelFile>(ModelFile::Open(LONGSHOT_SOURCE_DIR "/tests/golden/tiny/" + name));
}

/// How large the cases of a run are.
struct CaseSizes {
  int64_t capacity = 720;   ///< longest context, tree included
  int64_t long_share = 10;  ///< one case in this many has a context beyond two blocks of keys
  int64_t nodes = 24;       ///< most nodes of a tree
};

/// What one random case consists of; printed with a failure.
class BitwiseCase {
 public:
  explicit BitwiseCase(uint32_t seed, const CaseSizes& sizes = {}) : seed_(seed), random_(seed), sizes_(sizes) {
    base = DrawBase();
    const DType types[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};
    k_type = types[Draw(4)], v_type = Draw(4) == 0 ? types[Draw(4)] : k_type;
    nodes = 1 + Draw(sizes.nodes);
    branching = 1 + Draw(4);
  }

  int64_t Draw(int64_t below) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(below)); }

  std::vector<Token> Tokens(int64_t count, int64_t vocab) {
    std::vector<Token> tokens(count);
    for (Token& t : tokens) t = static_cast<Token>(Draw(vocab));
    return tokens;
  }

  /// Each node hangs from one of the last `branching` nodes; 1 makes a chain.
  TokenTree Tree(int64_t vocab) {
    TokenTree tree(static_cast<Token>(Draw(vocab)));
    while (tree.size() < nodes) {
      const int64_t back = std::min(tree.size(), branching);
      tree.Add(static_cast<NodeId>(tree.size() - 1 - Draw(back)), static_cast<Token>(Draw(vocab)),
               ProposalKind::kSampledReplacement);
    }
    return tree;
  }

  /// A view of committed rows that stays the same while a path is decoded: ranges of its own for each (layer,
  /// KV head), or one for all, below a tail that begins at `base` or before.
  KvView View(const ModelConfig& config) {
    const int64_t tail = Draw(base + 1);
    if (Draw(4) == 0) return KvView::Shared(Ranges(tail), tail);
    std::vector<std::vector<KeyRange>> ranges(static_cast<size_t>(config.layers) * config.kv_heads);
    for (std::vector<KeyRange>& head : ranges) head = Ranges(tail);
    return KvView::PerHead(config.layers, config.kv_heads, std::move(ranges), tail);
  }

  std::string Describe() const {
    return fmt::format("seed {} base {} nodes {} branching {} kv {}/{}", seed_, base, nodes, branching,
                       Info(k_type).name, Info(v_type).name);
  }

  int64_t base, nodes, branching;
  DType k_type, v_type;

 private:
  /// Mostly short; often within a row or two of the border of a block of 64 keys.
  int64_t DrawBase() {
    const int64_t blocks = sizes_.capacity / 64 - 1;
    const bool is_long = Draw(sizes_.long_share) == 0;
    const int64_t near = 64 * Draw(is_long ? blocks : 3) + Draw(5) - 2;
    const int64_t anywhere = Draw(is_long ? 64 * blocks : 150);
    return std::max<int64_t>(0, Draw(2) == 0 ? near : anywhere);
  }

  /// Sorted, disjoint and below `end`; possibly none.
  std::vector<KeyRange> Ranges(int64_t end) {
    std::vector<KeyRange> ranges;
    int64_t at = Draw(3) == 0 ? 0 : Draw(end + 1);
    while (at < end && std::ssize(ranges) < 5) {
      const int64_t longest = std::min<int64_t>(end - at, Draw(2) == 0 ? 8 : 100);
      ranges.push_back({at, at + 1 + Draw(longest)});
      at = ranges.back().end + Draw(40);
    }
    return ranges;
  }

  uint32_t seed_;
  std::mt19937 random_;
  CaseSizes sizes_;
};

inline std::vector<NodeId> PathTo(const TokenTree& tree, NodeId node) {
  std::vector<NodeId> path;
  for (; node >= 0; node = tree.parent(node)) path.insert(path.begin(), node);
  return path;
}

inline std::vector<float> CopyRow(std::span<const float> row) { return {row.begin(), row.end()}; }

inline bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// Decodes one token plainly, a tree of one node, and commits it. `view` may be nullptr: everything.
inline std::vector<float> Decode(ModelTarget& target, SequenceId sequence, Token token, const KvView* view = nullptr) {
  const TokenTree tree(token);
  const ScoreRequest request{.sequence = sequence, .tree = &tree, .view = view};
  std::vector<float> logits = CopyRow(target.Score(std::span(&request, 1))[0].Logits(0));
  const NodeId root = 0;
  target.Commit(sequence, std::span(&root, 1));
  return logits;
}

/// Logits of every node by plain decoding from a cache truncated to `base`, read through `view`.
inline std::vector<std::vector<float>> DecodePaths(ModelTarget& target, SequenceId sequence, const TokenTree& tree,
                                                   int64_t base, const KvView* view = nullptr) {
  std::vector<std::vector<float>> rows(tree.size());
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (tree.first_child(node) >= 0) continue;  // only leaves start a walk; it fills the rows of its path
    target.store().Truncate(sequence, base);
    for (NodeId v : PathTo(tree, node)) rows[v] = Decode(target, sequence, tree.token(v), view);
  }
  target.store().Truncate(sequence, base);
  return rows;
}

/// The first `size` nodes of a tree.
inline TokenTree FirstNodes(const TokenTree& tree, int64_t size) {
  TokenTree first(tree.token(0));
  for (NodeId v = 1; v < size; ++v) first.Add(tree.parent(v), tree.token(v), tree.kind(v));
  return first;
}

/// Scores nodes [first, size) and compares them.
inline void ExpectRows(ModelTarget& target, const ScoreRequest& request,
                       const std::vector<std::vector<float>>& expected, const char* what) {
  const ScoredRows& rows = target.Score(std::span(&request, 1))[0];
  for (NodeId node = request.first_node; node < request.tree->size(); ++node) {
    ASSERT_TRUE(SameBits(expected[node], rows.Logits(node)))
        << what << ": node " << node << " at depth " << request.tree->depth(node) << " differs from plain decoding";
  }
}

/// One case: plain decoding on `plain_model` against trees on `model`, which may run on other threads.
inline void RunBitwiseCase(const Model& plain_model, const Model& model, BitwiseCase c, int64_t capacity) {
  SCOPED_TRACE(c.Describe());
  const ModelConfig& config = model.config();
  const std::vector<Token> prompt = c.Tokens(c.base, config.vocab_size);
  const TokenTree tree = c.Tree(config.vocab_size);

  ModelTarget plain(&plain_model,
                    {.max_context = capacity, .k_type = c.k_type, .v_type = c.v_type, .prefill_rows = 512});
  const SequenceId a = plain.Open(capacity);
  if (c.base > 0) plain.Prefill({.sequence = a, .tokens = prompt});
  const int64_t prefill_rows = c.Draw(8) == 0 ? 1 + c.Draw(4) : 1 + c.Draw(200);
  ModelTarget target(&model,
                     {.max_context = capacity, .k_type = c.k_type, .v_type = c.v_type, .prefill_rows = prefill_rows});
  target.store().set_poison(true);
  const SequenceId b = target.Open(capacity);
  if (c.base > 0) target.Prefill({.sequence = b, .tokens = prompt});

  // A draft pass through a view, in two parts, writes rows of draft quality, which verification must overwrite.
  const KvView view = c.View(config);
  const std::vector<std::vector<float>> drafted = DecodePaths(plain, a, tree, c.base, &view);
  const NodeId resume = static_cast<NodeId>(1 + c.Draw(tree.size()));
  const TokenTree first = FirstNodes(tree, resume);
  ExpectRows(target, {.sequence = b, .tree = &first, .view = &view}, drafted, "through a view");
  if (resume < tree.size()) {
    ExpectRows(target, {.sequence = b, .tree = &tree, .first_node = resume, .view = &view}, drafted,
               "resumed through a view");
  }
  ExpectRows(target, {.sequence = b, .tree = &tree}, DecodePaths(plain, a, tree, c.base), "verification");

  // After a commit the cache is that of plain decoding: the next token has the same bits too.
  const std::vector<NodeId> path = PathTo(tree, static_cast<NodeId>(c.Draw(tree.size())));
  target.Commit(b, path);
  for (NodeId v : path) Decode(plain, a, tree.token(v));
  const auto next = static_cast<Token>(c.Draw(config.vocab_size));
  EXPECT_TRUE(SameBits(Decode(plain, a, next), Decode(target, b, next))) << "after the commit";
}

/// `cases` cases on each tiny model, from `first_seed` on. REQUIRES: `options` for two backends of this process.
inline void RunBitwiseCases(const CpuOptions& options, uint32_t first_seed, uint32_t cases, const CaseSizes& sizes) {
  CpuOptions one = options, two = options;
  one.threads = 1, two.threads = 2;
  const auto plain_backend = MakeCpuBackend(one), backend = MakeCpuBackend(two);
  for (const char* name : {"llama", "qwen2", "qwen3", "mistral"}) {
    SCOPED_TRACE(name);
    const auto file = OpenTiny(name);
    const Model plain(plain_backend.get(), file, file->config()), threaded(backend.get(), file, file->config());
    for (uint32_t seed = first_seed; seed < first_seed + cases; ++seed) {
      // Two threads take turns at every operation: one case in four pays for that, every other runs on one.
      RunBitwiseCase(plain, seed % 4 == 0 ? threaded : plain, BitwiseCase(seed, sizes), sizes.capacity);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace longshot
