// labels: parity
// Attention of every numeric path against the definition: shapes, row types, trees, views. Whatever nobody
// should read holds NaN.
#include "kernels/cpu/half.h"
#include "tests/kernels/attention_case.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr int64_t kBases[] = {0, 1, 63, 64, 65, 127, 511, 512, 513, 1000};
constexpr int64_t kRows[] = {1, 2, 3, 15, 16, 17, 33};
constexpr int kHeadDims[] = {8, 16, 32, 64, 80, 96, 128};
constexpr int kGroups[] = {1, 3, 4, 7};
constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};
constexpr Shape kShapes[] = {Shape::kChain, Shape::kChainAsTree, Shape::kRandomTree, Shape::kBushyTree, Shape::kStar};
constexpr ViewKind kViews[] = {ViewKind::kFull, ViewKind::kWindow, ViewKind::kRanges, ViewKind::kPerHead,
                               ViewKind::kNothingCommitted};

/// A case that takes part `number` of every list, so that few cases cover each value.
AttentionCase MakeCase(uint64_t number, int64_t rows) {
  Draws draws(number);
  AttentionCase c;
  c.seed = number;
  c.base = kBases[number % std::size(kBases)];
  c.geometry = {.layers = 2,
                .kv_heads = static_cast<int>(1 + number / 2 % 2),
                .head_dim = draws.Pick(kHeadDims),
                .capacity = c.base + rows + draws.Between(0, 70),
                .k_type = draws.Pick(kTypes),
                .v_type = draws.Pick(kTypes)};
  c.heads = c.geometry.kv_heads * draws.Pick(kGroups);
  SetTopology(c, draws, kShapes[number % std::size(kShapes)], rows);
  SetView(c, draws, draws.Pick(kViews));
  if (draws.Chance(0.3)) c.first_row = draws.Below(rows);
  SetRows(c, draws);
  return c;
}

/// Makes the case one of prompt rows, a chain, and draws its rows again.
void SetTopologyOfPrompt(AttentionCase& c) {
  Draws draws(c.seed + 1);
  SetTopology(c, draws, Shape::kChain, c.rows());
  c.prompt = true;
  SetRows(c, draws);
}

double Norm(const float* x, int64_t n) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += double{x[i]} * x[i];
  return std::sqrt(squares);
}

/// Largest key of the case.
double KeyNorm(const AttentionCase& c) {
  double largest = 0;
  for (const std::vector<float>* k : {&c.committed_k, &c.k}) {
    for (size_t i = 0; i < k->size(); i += static_cast<size_t>(c.geometry.head_dim)) {
      largest = std::max(largest, Norm(&(*k)[i], c.geometry.head_dim));
    }
  }
  return largest * 1.02;  // rounding to bf16 or 8 bits may lengthen it
}

/// How far a backend may be from the definition, for every element.
///
/// With u = 2^-24: a score is off by ds <= |q| |k| / sqrt(D) * ((D + 4) u + [bf16 scores] 2^-8), so a
/// probability by exp(2 ds) - 1 relative, plus 6e-7 for 2^x and [bf16 values] 2^-8 for rounding it; the sums
/// over n keys add n u. The element is off by at most that times the mean of |v| under the probabilities,
/// which the definition gives when it attends to |v|.
///
/// With values in q8_0 a probability times a scale is rounded to half a unit, 2^-15 of a power of two that is at most
/// twice the largest scale and twice the largest probability of its step of 256 keys: over such a step 256 * 2^-14 of
/// the largest |v| times that probability, and these sum up to at most one.
///
/// Prompt rows may be attended in integers (`words`): keys, values or both, where they are in 16 bits. q and k are
/// rounded to half a unit of 1/4095 (1/1023 in heads beyond 128) of their largest element, which adds sqrt(D) / 2 of
/// such units for each of both; probabilities as with q8_0; v to half of 1/1023 of its largest element.
struct Arithmetic {
  bool bf16 = false;   ///< rows of type bf16 are multiplied as bf16
  bool words = false;  ///< 16-bit rows are multiplied as integers
};
std::vector<double> Tolerance(const AttentionCase& c, const Arithmetic& arithmetic) {
  const bool bf16 = arithmetic.bf16;
  const auto in_words = [&](DType type) {
    return arithmetic.words && c.prompt && (type == DType::kF16 || type == DType::kBF16);
  };
  constexpr double kUnit = 0x1p-24, kHalf = 0x1p-8;
  const auto reference = MakeReferenceBackend();
  AttentionCase sizes = c;
  for (float& x : sizes.committed_v) x = std::abs(x);
  for (float& x : sizes.v) x = std::abs(x);
  const std::vector<float> mean = Attend(*reference, sizes);
  const int dim = c.geometry.head_dim;
  const double word_unit = 0.5 / 4095 + 0.5 / (dim <= 128 ? 4095 : 1023);
  const double keys = KeyNorm(c),
               score_eps = (dim + 4) * kUnit + (bf16 && c.geometry.k_type == DType::kBF16 ? kHalf : 0) +
                           (in_words(c.geometry.k_type) ? std::sqrt(static_cast<double>(dim)) * word_unit : 0);
  const double value_eps = 6e-7 + static_cast<double>(c.base + c.rows() + 16) * kUnit +
                           (bf16 && c.geometry.v_type == DType::kBF16 ? kHalf : 0);
  double largest = 0;
  for (const std::vector<float>* v : {&sizes.committed_v, &sizes.v}) {
    for (const float x : *v) largest = std::max(largest, double{x});
  }
  const auto step_keys = static_cast<double>(std::min<int64_t>(256, c.base + c.rows()));
  const bool words = in_words(c.geometry.v_type);
  const double rounding =
      (c.geometry.v_type == DType::kQ8_0 || words ? step_keys * 0x1p-14 : 0) * largest + (words ? largest / 2046 : 0);
  std::vector<double> tolerance(mean.size());
  for (size_t i = 0; i < mean.size(); ++i) {
    const size_t head = i / static_cast<size_t>(dim) * static_cast<size_t>(dim);
    const double q = Norm(&c.q[static_cast<size_t>(c.first_row * c.q_width()) + head], dim);
    const double score = q * keys / std::sqrt(static_cast<double>(dim)) * score_eps;
    tolerance[i] = (std::expm1(2 * score) + value_eps) * mean[i] + rounding + 1e-30;
  }
  return tolerance;
}

testing::AssertionResult Near(const AttentionCase& c, const std::vector<float>& got, const Arithmetic& arithmetic) {
  const auto reference = MakeReferenceBackend();
  const std::vector<float> want = Attend(*reference, c);
  const std::vector<double> tolerance = Tolerance(c, arithmetic);
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::abs(double{got[i]} - want[i]) <= tolerance[i]) continue;  // a NaN fails
    return testing::AssertionFailure() << c.Describe() << ": row "
                                       << c.first_row + static_cast<int64_t>(i) / c.q_width() << " column "
                                       << i % c.q_width() << " is " << got[i] << ", definition " << want[i]
                                       << ", tolerance " << tolerance[i];
  }
  return testing::AssertionSuccess();
}

Arithmetic ArithmeticOf(const Backend& backend) {
  const std::string path = backend.Describe().numeric_path;
  return {.bf16 = !path.starts_with("avx2") && path != "avx512 f32", .words = path == "avx2 int8/int16/f32"};
}

TEST(Attention, EveryPathAgreesWithTheDefinition) {
  ForEachNumericPath([](const CpuOptions& options) {
    CpuOptions team = options;
    team.threads = 2;
    const auto backend = MakeCpuBackend(team);
    for (uint64_t number = 0; number < 140; ++number) {
      const AttentionCase c = MakeCase(number, kRows[number / 3 % std::size(kRows)]);
      EXPECT_TRUE(Near(c, Attend(*backend, c), ArithmeticOf(*backend)));
    }
  });
}

TEST(Attention, LongChainsAndTreesAgreeWithTheDefinition) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    for (uint64_t number = 500; number < 508; ++number) {
      AttentionCase c = MakeCase(number, number % 2 == 0 ? 200 : 100);
      EXPECT_TRUE(Near(c, Attend(*backend, c), ArithmeticOf(*backend)));
    }
  });
}

TEST(Attention, PromptRowsAgreeWithTheDefinition) {
  ForEachNumericPath([](const CpuOptions& options) {
    CpuOptions team = options;
    team.threads = 2;
    const auto backend = MakeCpuBackend(team);
    for (uint64_t number = 1000; number < 1100; ++number) {
      AttentionCase c = MakeCase(number, kRows[number / 3 % std::size(kRows)]);
      if (number % 10 == 0) c.geometry.head_dim = 256;
      SetTopologyOfPrompt(c);
      EXPECT_TRUE(Near(c, Attend(*backend, c), ArithmeticOf(*backend)));
    }
  });
}

TEST(Attention, RangesReachNoRowOfThePass) {
  // A view made before a truncation may name positions that are committed no more.
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    for (const Shape shape : {Shape::kChain, Shape::kStar}) {
      AttentionCase c = MakeCase(65, 17);
      Draws draws(9);
      c.first_row = 0;
      SetTopology(c, draws, shape, 17);
      c.ranges = {{{0, 10}, {c.base - 1, c.base + 500}}};
      c.tail_begin = c.base + 600;
      EXPECT_TRUE(Near(c, Attend(*backend, c), ArithmeticOf(*backend)));
    }
  });
}

TEST(Attention, ExtremeScoresStayFinite) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    for (const DType type : kTypes) {
      AttentionCase c = MakeCase(16, 16);
      c.geometry.k_type = c.geometry.v_type = type;
      c.first_row = 0;
      for (float& x : c.q) x *= 300;
      const std::vector<float> got = Attend(*backend, c);
      for (const float x : got) ASSERT_TRUE(std::isfinite(x)) << c.Describe();
      AttentionCase prompt = c;
      SetTopologyOfPrompt(prompt);
      for (float& x : prompt.q) x *= 300;
      for (const float x : Attend(*backend, prompt)) ASSERT_TRUE(std::isfinite(x)) << prompt.Describe();
      // The largest score takes all: f32 agrees to the bit budget even so.
      if (type != DType::kF32) continue;
      EXPECT_TRUE(Near(c, got, {}));
    }
  });
}

}  // namespace
}  // namespace longshot
