// labels: parity threads
// Every operation of the CPU backend by teams of several threads: the bits of one thread, and nothing for a
// race detector to find.
#include <cstring>

#include "tests/kernels/attention_case.h"
#include "tests/kernels/matmul_case.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr uint64_t kSeed = 404;

/// All results of one backend, end to end.
std::vector<float> Everything(const CpuOptions& options, int threads) {
  CpuOptions team = options;
  team.threads = threads;
  const auto backend = MakeCpuBackend(team);
  std::vector<float> all;
  const auto keep = [&](const std::vector<float>& values) { all.insert(all.end(), values.begin(), values.end()); };
  Draws draws(kSeed);
  for (const int64_t rows : {3, 20}) {
    const MatmulShape shape{rows, 100, 40};
    keep(RunMatmul(*backend, RandomMatmulCase(draws, shape, Epilogue::kSwiGlu, true, true, false)));
    DeviceMatrix x(*backend, rows, 32, draws.Normals(rows * 32)), table(*backend, rows, 16);
    DeviceVector weight(*backend, draws.Normals(16));
    std::vector<int64_t> positions(static_cast<size_t>(rows));
    for (int64_t& p : positions) p = draws.Below(1000);
    backend->RmsNorm(x.view(), weight.data(), 16, 1e-5f, x.view());
    backend->RopeTable(positions, std::vector<double>(8, 0.3), 1.0, table.view());
    backend->Rope(x.view(), 2, table.view());
    keep(x.Get());
    std::vector<Token> ids(static_cast<size_t>(rows * 4));
    backend->TopK(x.view(), 4, ids);
    keep(std::vector<float>(ids.begin(), ids.end()));
  }
  for (const Shape shape : {Shape::kChain, Shape::kRandomTree}) {
    for (const int64_t base : {40, 1100}) {
      AttentionCase c;
      c.geometry = {.layers = 2, .kv_heads = 2, .head_dim = 16, .capacity = base + 30};
      c.heads = 6, c.base = base;
      SetTopology(c, draws, shape, 30);
      SetView(c, draws, ViewKind::kPerHead);
      SetRows(c, draws);
      const auto kv = WriteKv(*backend, c);
      keep(Attend(*backend, *kv, c));
      c.first_row = 27;  // few units: a context of several chunks is shared out by them
      keep(Attend(*backend, *kv, c));
      const std::vector<int64_t> slots = {base + 1, base + 7, base + 29};
      backend->CompactKv(*kv, base, slots);
      DeviceMatrix k(*backend, 3, 32), v(*backend, 3, 32);
      backend->ExportKv(*kv, AttentionCase::kLayer, base, k.view(), v.view());
      keep(k.Get()), keep(v.Get());
    }
  }
  return all;
}

TEST(Threads, NoNumberOfThemShows) {
  ForEachNumericPath([](const CpuOptions& options) {
    const std::vector<float> one = Everything(options, 1);
    for (const float x : one) ASSERT_EQ(x, x) << "not a number";
    for (int threads = 2; threads <= 4; ++threads) {
      const std::vector<float> several = Everything(options, threads);
      ASSERT_EQ(several.size(), one.size());
      EXPECT_EQ(std::memcmp(several.data(), one.data(), one.size() * sizeof(float)), 0) << threads << " threads";
    }
  });
}

}  // namespace
}  // namespace longshot
