// labels: parity
// Products of every numeric path against the definition, and the promise that a row's numbers depend on that
// row only.
#include <cstring>

#include "tests/kernels/matmul_case.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr uint64_t kSeed = 20261120;

testing::AssertionResult Near(const MatmulCase& c, const std::vector<float>& got, const std::vector<float>& want,
                              bool bf16) {
  const std::vector<double> tolerance = MatmulTolerance(c, bf16);
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::abs(double{got[i]} - want[i]) <= tolerance[i]) continue;  // a NaN fails
    return testing::AssertionFailure() << c.Describe() << ", seed " << kSeed << ": row " << i / c.columns()
                                       << " column " << i % c.columns() << " is " << got[i] << ", definition "
                                       << want[i] << ", tolerance " << tolerance[i];
  }
  return testing::AssertionSuccess();
}

TEST(Matmul, EveryPathAgreesWithTheDefinition) {
  const MatmulShape shapes[] = {{1, 49, 33},   {2, 100, 16},  {3, 16, 7},    {15, 960, 40}, {16, 64, 64},
                                {17, 49, 100}, {33, 100, 48}, {100, 48, 31}, {5, 1, 1},     {4, 130, 576}};
  ForEachNumericPath([&](const CpuOptions& options) {
    CpuOptions two = options;
    two.threads = 2;
    const auto backend = MakeCpuBackend(two), reference = MakeReferenceBackend();
    Draws draws(kSeed);
    int number = 0;
    for (MatmulShape shape : shapes) {
      for (Epilogue epilogue : {Epilogue::kNone, Epilogue::kAdd, Epilogue::kSwiGlu}) {
        if (epilogue == Epilogue::kSwiGlu) shape.outputs += shape.outputs % 2;
        for (const bool norm : {false, true}) {
          const bool bias = ++number % 2, representable = number % 3 != 0;
          const MatmulCase c = RandomMatmulCase(draws, shape, epilogue, norm, bias, representable);
          const bool bf16 = options.weights == WeightType::kBF16;
          EXPECT_TRUE(Near(c, RunMatmul(*backend, c), RunMatmul(*reference, c), bf16));
        }
      }
    }
  });
}

/// Bytes of row r of a [rows, cols] matrix against those of row s of another.
bool SameRow(const std::vector<float>& a, int64_t r, const std::vector<float>& b, int64_t s, int64_t cols) {
  return std::memcmp(&a[r * cols], &b[s * cols], static_cast<size_t>(cols) * sizeof(float)) == 0;
}

TEST(Matmul, ARowIsIndependentOfItsNeighboursItsPlaceAndTheThreads) {
  // Wide and deep shapes too: the library picks other blockings for them.
  const MatmulShape shapes[] = {{100, 49, 33}, {40, 960, 100}, {37, 192, 576}, {33, 100, 1536}, {20, 2050, 64}};
  ForEachNumericPath([&](const CpuOptions& options) {
    for (const MatmulShape& shape : shapes) {
      for (const Epilogue epilogue : {Epilogue::kAdd, Epilogue::kSwiGlu}) {
        if (epilogue == Epilogue::kSwiGlu && shape.outputs % 2 != 0) continue;
        Draws draws(kSeed);
        const MatmulCase c = RandomMatmulCase(draws, shape, epilogue, true, true, false);
        std::vector<float> alone;
        for (int threads = 1; threads <= 3; ++threads) {
          CpuOptions team = options;
          team.threads = threads;
          const auto backend = MakeCpuBackend(team);
          const auto weights = PackWeights(*backend, c);
          if (threads == 1) {
            for (int64_t r = 0; r < shape.rows; ++r) {
              const std::vector<float> row = RunMatmulRows(*backend, *weights, c, r, 1);
              alone.insert(alone.end(), row.begin(), row.end());
            }
          }
          for (const int64_t rows : {1, 2, 3, 15, 16, 17, 33, 100}) {
            if (rows > shape.rows) continue;
            const int64_t first = draws.Below(shape.rows - rows + 1);
            const std::vector<float> together = RunMatmulRows(*backend, *weights, c, first, rows);
            for (int64_t r = 0; r < rows; ++r) {
              ASSERT_TRUE(SameRow(together, r, alone, first + r, c.columns()))
                  << c.Describe() << ": row " << first + r << " changes when " << rows << " rows from " << first
                  << " are computed together by " << threads << " threads";
            }
          }
        }
      }
    }
  });
}

TEST(Matmul, ANeighbourThatIsNotANumberDoesNotSpread) {
  ForEachNumericPath([&](const CpuOptions& options) {
    Draws draws(kSeed);
    const auto backend = MakeCpuBackend(options);
    MatmulCase c = RandomMatmulCase(draws, {18, 100, 48}, Epilogue::kNone, true, false, false);
    const auto weights = PackWeights(*backend, c);
    const std::vector<float> clean = RunMatmulRows(*backend, *weights, c, 0, 18);
    for (const int64_t bad : {0, 7, 17}) {
      MatmulCase dirty = c;
      std::fill_n(dirty.x.begin() + bad * 48, 48, std::numeric_limits<float>::quiet_NaN());
      const std::vector<float> got = RunMatmulRows(*backend, *weights, dirty, 0, 18);
      for (int64_t r = 0; r < 18; ++r) {
        if (r == bad) continue;
        EXPECT_TRUE(SameRow(got, r, clean, r, 100)) << "row " << r << ", NaN in row " << bad;
      }
      EXPECT_NE(got[bad * 100], got[bad * 100]);
    }
  });
}

TEST(Matmul, PackedBytesAreForetold) {
  ForEachNumericPath([&](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    const auto zeros = [](int64_t, std::span<float> out) { std::fill(out.begin(), out.end(), 0.0f); };
    for (const auto& [outputs, inputs] : {std::pair<int64_t, int64_t>{960, 576}, {49, 33}, {1, 1}, {1000, 100}}) {
      const WeightSource source{.outputs = outputs, .inputs = inputs, .read = zeros};
      const auto weights = backend->Pack(source);
      EXPECT_EQ(weights->outputs(), outputs);
      EXPECT_EQ(weights->inputs(), inputs);
      EXPECT_EQ(weights->bytes(), backend->PackedBytes(source)) << outputs << " x " << inputs;
    }
  });
}

TEST(Matmul, WrongShapesAreProgrammerErrors) {
  const auto make = [] {
    const auto backend = MakeCpuBackend({});
    Draws draws(kSeed);
    MatmulCase c = RandomMatmulCase(draws, {2, 6, 4}, Epilogue::kNone, false, false, false);
    const auto weights = PackWeights(*backend, c);
    c.epilogue = Epilogue::kSwiGlu;
    c.shape.outputs = 4;
    RunMatmulRows(*backend, *weights, c, 0, 2);
  };
  EXPECT_DEATH(make(), "CHECK\\(args.y.cols == ");
}

}  // namespace
}  // namespace longshot
