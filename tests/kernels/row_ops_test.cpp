// labels: parity
// Row-wise operations of every numeric path against the definition: RMSNorm, RoPE, top-k.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/draws.h"
#include "tests/kernels/device_matrix.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr uint64_t kSeed = 31;
constexpr int64_t kRows[] = {1, 2, 3, 15, 16, 17, 33, 100};

CpuOptions TwoThreads(CpuOptions options) {
  options.threads = 2;
  return options;
}

std::vector<float> Norms(Backend& backend, int64_t rows, int64_t cols, int64_t group, const std::vector<float>& x,
                         const std::vector<float>& weight, bool in_place) {
  DeviceMatrix in(backend, rows, cols, x), out(backend, rows, cols);
  DeviceVector w(backend, weight);
  backend.RmsNorm(in.view(), w.data(), group, 1e-6f, in_place ? in.view() : out.view());
  return in_place ? in.Get() : out.Get();
}

TEST(RmsNorm, EveryPathAgreesWithTheDefinition) {
  // The sum of n squares, its root and three products: relative error (n / 16 + 8) u.
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(TwoThreads(options)), reference = MakeReferenceBackend();
    Draws draws(kSeed);
    for (const int64_t rows : kRows) {
      for (const auto& [groups, group] :
           {std::pair<int64_t, int64_t>{1, 1}, {1, 7}, {1, 576}, {3, 16}, {4, 80}, {2, 33}}) {
        const int64_t cols = groups * group;
        const std::vector<float> x = draws.Normals(rows * cols), weight = draws.Normals(group);
        const std::vector<float> want = Norms(*reference, rows, cols, group, x, weight, false);
        const std::vector<float> got = Norms(*backend, rows, cols, group, x, weight, false);
        const double relative = (static_cast<double>(group) / 16 + 8) * 0x1p-24;
        for (size_t i = 0; i < want.size(); ++i) {
          ASSERT_NEAR(got[i], want[i], relative * std::abs(want[i]) + 1e-30)
              << "seed " << kSeed << " rows " << rows << " group " << group << " element " << i;
        }
        EXPECT_EQ(got, Norms(*backend, rows, cols, group, x, weight, true)) << "in place";
      }
    }
  });
}

TEST(RmsNorm, ARowOfZerosStaysZero) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    const std::vector<float> zeros(40, 0.0f), ones(40, 1.0f);
    EXPECT_EQ(Norms(*backend, 1, 40, 40, zeros, ones, false), zeros);
  });
}

struct RopeCase {
  std::vector<int64_t> positions;
  int heads;
  int64_t head_dim, pairs;
};

std::vector<double> Frequencies(int64_t pairs) {
  std::vector<double> f;
  for (int64_t i = 0; i < pairs; ++i)
    f.push_back(std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(pairs)));
  return f;
}

/// Rotated x, and the table in front of it.
std::vector<float> Rotated(Backend& backend, const RopeCase& c, const std::vector<float>& x) {
  const auto rows = static_cast<int64_t>(c.positions.size());
  DeviceMatrix table(backend, rows, 2 * c.pairs), m(backend, rows, c.heads * c.head_dim, x);
  backend.RopeTable(c.positions, Frequencies(c.pairs), 1.25, table.view());
  backend.Rope(m.view(), c.heads, table.view());
  std::vector<float> all = table.Get();
  const std::vector<float> rotated = m.Get();
  all.insert(all.end(), rotated.begin(), rotated.end());
  return all;
}

TEST(Rope, EveryPathAgreesWithTheDefinition) {
  // Table entries are the same doubles rounded once; a rotation is two products and a sum of values below |x|
  // * 1.25.
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(TwoThreads(options)), reference = MakeReferenceBackend();
    Draws draws(kSeed);
    for (const int64_t rows : kRows) {
      for (const int64_t head_dim : {8, 16, 64, 80, 96, 128}) {
        for (const int64_t pairs : {head_dim / 2, head_dim / 4}) {
          RopeCase c{{}, 3, head_dim, pairs};
          for (int64_t t = 0; t < rows; ++t) c.positions.push_back(draws.Below(2'000'000));
          const std::vector<float> x = draws.Normals(rows * 3 * head_dim);
          const std::vector<float> want = Rotated(*reference, c, x), got = Rotated(*backend, c, x);
          for (size_t i = 0; i < want.size(); ++i) {
            ASSERT_NEAR(got[i], want[i], 4 * 0x1p-24 * 1.25 * 12)
                << "rows " << rows << " D " << head_dim << " at " << i;
          }
        }
      }
    }
  });
}

TEST(Rope, PositionZeroTurnsNothingAndLengthIsKept) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    Draws draws(kSeed);
    const std::vector<float> x = draws.Normals(2 * 20);
    DeviceMatrix table(*backend, 2, 16), m(*backend, 2, 20, x);
    const std::vector<int64_t> positions = {0, 123456};
    backend->RopeTable(positions, Frequencies(8), 1.0, table.view());
    backend->Rope(m.view(), 1, table.view());
    const std::vector<float> y = m.Get();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(y[i], x[i]);
    for (int i = 0; i < 8; ++i) {
      const double before = std::hypot(x[20 + i], x[28 + i]), after = std::hypot(y[20 + i], y[28 + i]);
      EXPECT_NEAR(after, before, before * 4 * 0x1p-24);
    }
    for (int i = 36; i < 40; ++i) EXPECT_EQ(y[i], x[i]) << "dims beyond the pairs stay";
  });
}

TEST(TopK, EveryRowOnEveryBackend) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(TwoThreads(options)), reference = MakeReferenceBackend();
    constexpr float kInf = std::numeric_limits<float>::infinity();
    const std::vector<float> x = {1,     3,     3,     -kInf, 2,     3,     0,      //
                                  -kInf, -kInf, -kInf, -kInf, -kInf, -kInf, -kInf,  //
                                  -3,    0,     -0.0f, 5,     -kInf, -1,    5};
    const std::vector<Token> want = {1,  2,  5,  4,  0,  6,  -1,  //
                                     -1, -1, -1, -1, -1, -1, -1,  //
                                     3,  6,  1,  2,  5,  0,  -1};
    for (Backend* b : {backend.get(), reference.get()}) {
      DeviceMatrix m(*b, 3, 7, x);
      for (const int k : {1, 2, 3, 7}) {
        std::vector<Token> ids(3 * static_cast<size_t>(k), -7);
        b->TopK(m.view(), k, ids);
        b->Synchronize();
        for (int r = 0; r < 3; ++r) {
          for (int i = 0; i < k; ++i)
            EXPECT_EQ(ids[r * k + i], want[r * 7 + i]) << "k " << k << " row " << r << " place " << i;
        }
      }
    }
  });
}

}  // namespace
}  // namespace longshot
