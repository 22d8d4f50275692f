// labels: unit
// What a timed backend counts, against values worked out by hand, and that it changes nothing.
#include "kernels/timed/timed_backend.h"

#include <cstring>
#include <numeric>

#include "kernels/backends.h"
#include "runtime/kv/kv_view.h"
#include "runtime/model/model.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

/// Heads 4, KV heads 2, head dim 16, model dim 64, FFN 48, 2 layers, vocabulary 240.
std::shared_ptr<const ModelFile> TinyFile() {
  return std::make_shared<const ModelFile>(
      ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/llama"));
}

/// A chain of three rows behind five committed ones.
struct ThreeRows {
  std::vector<Token> tokens = {3, 77, 12};
  std::vector<int32_t> parent = {-1, 0, 1}, depth = {0, 1, 2};
  ForwardArgs Args(KvBuffer& kv) const {
    return {.tokens = tokens, .topology = {5, parent, depth, true}, .kv = &kv, .logits_begin = 1};
  }
};

/// Writes the five rows, then gives the logits of the three.
std::vector<float> Logits(const Model& model, TimedBackend* counted, OperationCosts* costs) {
  Scratch scratch(model.backend(), model.config(), 8, 8);
  const auto kv = model.backend().AllocateKv(model.Geometry(32, DType::kBF16, DType::kBF16));
  const std::vector<Token> first = {9, 8, 7, 6, 5};
  std::vector<int32_t> parent(5), depth(5);
  std::iota(parent.begin(), parent.end(), -1);
  std::iota(depth.begin(), depth.end(), 0);
  model.Forward({.tokens = first, .topology = {0, parent, depth, true}, .kv = kv.get(), .logits = false}, scratch);
  const ThreeRows rows;
  if (counted != nullptr) counted->CountInto(costs);
  const MatrixView view = model.Forward(rows.Args(*kv), scratch);
  if (counted != nullptr) counted->CountInto(nullptr);
  std::vector<float> logits(static_cast<size_t>(view.rows * view.cols));
  model.backend().Download(view.data, logits);
  model.backend().Synchronize();
  return logits;
}

struct Expected {
  Operation operation;
  int64_t calls;
  double bytes, flops;
};

TEST(TimedBackend, CountsAPassOfATinyModelAsByHand) {
  double now_ms = 0;
  TimedBackend backend(MakeReferenceBackend(), [&] { return now_ms += 0.5; });
  const auto file = TinyFile();
  const Model model(&backend, file, file->config());
  OperationCosts costs{};
  EXPECT_EQ(Logits(model, &backend, &costs).size(), 480u);
  const Expected expected[] = {
      // 2 layers; weights f32; T 3: 2 T outputs inputs flops.
      {Operation::kQkvProduct, 2, 2 * 4.0 * 128 * 64, 2 * 6.0 * 128 * 64},
      {Operation::kAttentionOutputProduct, 2, 2 * 4.0 * 64 * 64, 2 * 6.0 * 64 * 64},
      {Operation::kGateUpProduct, 2, 2 * 4.0 * 96 * 64, 2 * 6.0 * 96 * 64},
      {Operation::kDownProduct, 2, 2 * 4.0 * 64 * 48, 2 * 6.0 * 64 * 48},
      {Operation::kHeadProduct, 1, 4.0 * 240 * 64, 2.0 * 2 * 240 * 64},  // two rows of logits
      // 8 rows of 16 + 16 bf16 values for 2 KV heads; 6 + 7 + 8 keys for 4 heads, 4 D flops each.
      {Operation::kAttention, 2, 2 * 8.0 * 64 * 2, 2 * 21.0 * 4 * 4 * 16},
      // k and v: 3 rows of 32 floats in; 3 rows of 2 heads of 64 bytes out.
      {Operation::kAppendKv, 2, 2 * (2 * 3 * 32 * 4 + 3 * 2 * 64.0), 0},
      {Operation::kRope, 2, 2 * 2 * 4.0 * 3 * (64 + 32), 0},  // queries and keys at once
      {Operation::kRopeTable, 1, 4.0 * 3 * 16, 0},
      {Operation::kTransfer, 3, 3 * 2 * 4.0 * 64, 0},  // embeddings
  };
  int64_t calls = 0;
  for (const Expected& each : expected) {
    const OperationCost& cost = costs[static_cast<size_t>(each.operation)];
    EXPECT_EQ(cost.calls, each.calls) << Name(each.operation);
    EXPECT_EQ(cost.work.bytes, each.bytes) << Name(each.operation);
    EXPECT_EQ(cost.work.flops, each.flops) << Name(each.operation);
    EXPECT_EQ(cost.ms, 0.5 * static_cast<double>(each.calls)) << Name(each.operation);
    calls += each.calls;
  }
  for (const OperationCost& cost : costs) calls -= cost.calls;
  EXPECT_EQ(calls, 0) << "something else was counted";
  EXPECT_EQ(now_ms, 0.5 * (1 + 2 * 19)) << "the clock is read once at first and twice for each of 19 operations";
}

TEST(TimedBackend, ChangesNoBitOnAnyNumericPath) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto plain = MakeCpuBackend(options);
    TimedBackend timed(MakeCpuBackend(options));
    EXPECT_EQ(timed.Describe().numeric_path, plain->Describe().numeric_path);
    EXPECT_EQ(timed.KvLayout(), plain->KvLayout());
    EXPECT_EQ(timed.host_addressable(), plain->host_addressable());
    const auto file = TinyFile();
    const Model plain_model(plain.get(), file, file->config()), timed_model(&timed, file, file->config());
    OperationCosts costs{};
    const std::vector<float> expected = Logits(plain_model, nullptr, nullptr);
    const std::vector<float> counted = Logits(timed_model, &timed, &costs);
    ASSERT_EQ(counted.size(), expected.size());
    EXPECT_EQ(std::memcmp(counted.data(), expected.data(), expected.size() * sizeof(float)), 0);
    EXPECT_GT(costs[static_cast<size_t>(Operation::kHeadProduct)].ms, 0);
  });
}

TEST(TimedBackend, CountsTopKNormAndCompaction) {
  TimedBackend backend(MakeReferenceBackend());
  OperationCosts costs{};
  const auto memory = backend.Allocate(6), weight = backend.Allocate(3);
  const MatrixView rows{memory->data(), 2, 3, 3};
  std::vector<Token> ids(2);
  const auto kv = backend.AllocateKv(
      {.layers = 3, .kv_heads = 2, .head_dim = 4, .capacity = 8, .k_type = DType::kF32, .v_type = DType::kF16});
  backend.CountInto(&costs);
  backend.RmsNorm(rows, weight->data(), 3, 1e-5f, rows);
  backend.TopK(rows, 1, ids);
  backend.CompactKv(*kv, 2, std::vector<int64_t>{2, 4, 5});
  EXPECT_EQ(costs[static_cast<size_t>(Operation::kNorm)].work.bytes, 2 * 4 * 6);
  EXPECT_EQ(costs[static_cast<size_t>(Operation::kTopK)].work.bytes, 4 * 6);
  // Two rows move, in 3 layers of 2 heads of 4 f32 and 4 f16 values, read and written.
  EXPECT_EQ(costs[static_cast<size_t>(Operation::kCompactKv)].work.bytes, 2 * 2 * 3 * 2 * 24);
  EXPECT_EQ(costs[static_cast<size_t>(Operation::kCompactKv)].calls, 1);
}

class AttentionWork : public testing::Test {
 protected:
  Work Of(std::span<const HeadView> views, int64_t first_row, int64_t count) {
    AttentionArgs args;
    args.q = {nullptr, count, 32, 32};
    args.heads = 4;
    args.kv = kv_.get();
    args.topology = {100, parent_, depth_, false};
    args.first_row = first_row;
    args.views = views;
    return WorkOf(args);
  }

  const std::unique_ptr<Backend> backend_ = MakeReferenceBackend();
  const std::unique_ptr<KvBuffer> kv_ = backend_->AllocateKv(
      {.layers = 1, .kv_heads = 2, .head_dim = 8, .capacity = 128, .k_type = DType::kBF16, .v_type = DType::kF32});
  const std::vector<int32_t> parent_ = {-1, 0, 0, 1}, depth_ = {0, 1, 1, 2};  // two children, one grandchild
};

TEST_F(AttentionWork, ATreeSeesAncestorsOnly) {
  const HeadView all{.ranges = {}, .tail_begin = 0};
  const Work work = Of({&all, 1}, 0, 4);
  EXPECT_EQ(work.bytes, 2 * 104 * (8 * 2 + 8 * 4));
  EXPECT_EQ(work.flops, (4 * 100 + 1 + 2 + 2 + 3) * 4 * 4 * 8);
}

TEST_F(AttentionWork, EachHeadIsCountedByItsOwnView) {
  const KeyRange ranges[] = {{0, 4}, {10, 20}};
  const HeadView views[] = {{.ranges = ranges, .tail_begin = 70}, {.ranges = {}, .tail_begin = 100}};
  const Work work = Of(views, 3, 1);  // the grandchild alone: its own round has four rows
  EXPECT_EQ(work.bytes, ((14 + 30 + 4) + 4) * (8 * 2 + 8 * 4));
  EXPECT_EQ(work.flops, ((14 + 30 + 3) + 3) * 2 * 4 * 8);
}

TEST(OperationNames, AreDistinct) {
  for (int i = 0; i < kOperations; ++i) {
    EXPECT_FALSE(Name(static_cast<Operation>(i)).empty());
    for (int j = 0; j < i; ++j) EXPECT_NE(Name(static_cast<Operation>(i)), Name(static_cast<Operation>(j)));
  }
}

}  // namespace
}  // namespace longshot
