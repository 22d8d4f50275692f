// labels: unit
// Products over weights as stored: every set of kernels that this processor runs gives the bits of the definition.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/thread_team.h"
#include "kernels/backends.h"
#include "kernels/cpu/half.h"
#include "kernels/cpu/int8_matmul.h"
#include "kernels/cpu/int8_pack.h"
#include "kernels/cpu/kernel_set.h"
#include "kernels/reference/int8_product.h"
#include "tests/draws.h"

namespace longshot {
namespace {

constexpr uint64_t kSeed = 20261121;

constexpr DType kBlockTypes[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,
                                 DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

struct NamedSet {
  std::string name;
  const Int8Kernels* kernels;
};

std::vector<NamedSet> Sets() {
  const CpuFeatures features = DetectCpu();
  std::vector<NamedSet> sets = {{"AVX2", &Avx2Int8()}};
  if (features.avx_vnni) sets.push_back({"AVX-VNNI", &AvxVnniInt8()});
  if (features.avx512_vnni) sets.push_back({"AVX-512 VNNI", &Avx512VnniInt8()});
  if (features.avx512_vnni && features.amx_int8) sets.push_back({"AMX", &AmxInt8()});
  return sets;
}

/// Where a block of the type holds f16 numbers.
std::vector<int> HalvesOf(DType type) {
  switch (type) {
    case DType::kQ2_K:
      return {80, 82};
    case DType::kQ3_K:
      return {108};
    case DType::kQ6_K:
      return {208};
    default:
      return FormatOf(type).has_minimum ? std::vector{0, 2} : std::vector{0};
  }
}

/// A matrix of one block type: every bit random but those of the f16 numbers, which are finite.
class StoredMatrix {
 public:
  StoredMatrix(Draws& draws, DType type, int64_t outputs, int64_t inputs)
      : type_(type),
        outputs_(outputs),
        inputs_(inputs),
        row_bytes_(inputs / Info(type).block_size * Info(type).block_bytes) {
    bytes_.resize(static_cast<size_t>(outputs * row_bytes_));
    for (std::byte& b : bytes_) b = static_cast<std::byte>(draws.Below(256));
    for (size_t block = 0; block < bytes_.size(); block += Info(type).block_bytes) {
      for (const int at : HalvesOf(type)) {
        const uint16_t half = ToF16(draws.Normal());
        std::memcpy(&bytes_[block + at], &half, sizeof half);
      }
    }
  }

  const std::byte* Row(int64_t row) const { return &bytes_[row * row_bytes_]; }
  WeightSource Source() const {
    return {.outputs = outputs_,
            .inputs = inputs_,
            .type = [this](int64_t) { return type_; },
            .stored = [this](int64_t row) { return Row(row); }};
  }

 private:
  DType type_;
  int64_t outputs_, inputs_, row_bytes_;
  std::vector<std::byte> bytes_;
};

/// x [rows, inputs] with what rounding may stumble over: a group of zeros, of subnormals, of huge numbers.
std::vector<float> AwkwardRows(Draws& draws, int64_t rows, int64_t inputs) {
  std::vector<float> x = draws.Normals(rows * inputs);
  for (int64_t r = 0; r < rows; ++r) {
    const float factors[] = {0.0f, 1e-40f, 1e30f, -1e-3f};
    const float factor = draws.Pick(factors);
    const int64_t group = draws.Below(inputs / kGroupInputs);
    for (int i = 0; i < kGroupInputs; ++i) x[r * inputs + group * kGroupInputs + i] *= factor;
  }
  return x;
}

/// The definition, y [rows, outputs].
std::vector<float> Defined(const StoredMatrix& weights, DType type, int64_t outputs, const std::vector<float>& x,
                           int64_t rows, int64_t inputs) {
  std::vector<float> y;
  for (int64_t r = 0; r < rows; ++r) {
    const Int8Row row = RoundToInt8(std::span(x).subspan(r * inputs, inputs));
    for (int64_t o = 0; o < outputs; ++o) y.push_back(Int8Product(type, weights.Row(o), row));
  }
  return y;
}

testing::AssertionResult SameBits(const float* got, const float* want, int64_t rows, int64_t outputs) {
  for (int64_t i = 0; i < rows * outputs; ++i) {
    if (std::memcmp(got + i, want + i, sizeof(float)) == 0) continue;
    return testing::AssertionFailure() << "row " << i / outputs << " of " << rows << ", output " << i % outputs
                                       << " is " << got[i] << ", definition " << want[i] << ", seed " << kSeed;
  }
  return testing::AssertionSuccess();
}

TEST(Int8Products, EverySetHasTheBitsOfTheDefinitionForEveryTypeAndNumberOfRows) {
  constexpr int64_t kRows = 130, kOutputs = 42;
  ThreadTeam team(1);
  SharedPages memory;
  for (const DType type : kBlockTypes) {
    const bool super_blocks = FormatOf(type).super_blocks;
    for (const int64_t inputs : {super_blocks ? 256 : 32, super_blocks ? 768 : 928}) {
      Draws draws(kSeed);
      const StoredMatrix matrix(draws, type, kOutputs, inputs);
      const Int8Weights weights(team, memory, matrix.Source());
      std::vector<float> x = AwkwardRows(draws, kRows, inputs), y(kRows * kOutputs);
      const std::vector<float> want = Defined(matrix, type, kOutputs, x, kRows, inputs);
      for (const NamedSet& set : Sets()) {
        Int8Matmul matmul(&team, &Avx2Kernels(), set.kernels);
        for (int64_t rows = 1; rows <= kRows; rows += rows < 35 ? 1 : 19) {
          std::fill(y.begin(), y.end(), std::numeric_limits<float>::quiet_NaN());
          matmul.Run(
              {.x = {x.data(), rows, inputs, inputs}, .weights = &weights, .y = {y.data(), rows, kOutputs, kOutputs}},
              weights);
          ASSERT_TRUE(SameBits(y.data(), want.data(), rows, kOutputs))
              << set.name << ", " << Info(type).name << ", inputs " << inputs;
        }
      }
    }
  }
}

TEST(Int8Products, ARowThatIsNotANumberStaysOne) {
  constexpr int64_t kRows = 19, kOutputs = 32, kInputs = 256;
  ThreadTeam team(1);
  SharedPages memory;
  for (const DType type : {DType::kQ4_1, DType::kQ8_0, DType::kQ6_K}) {
    Draws draws(kSeed);
    const StoredMatrix matrix(draws, type, kOutputs, kInputs);
    const Int8Weights weights(team, memory, matrix.Source());
    std::vector<float> x = draws.Normals(kRows * kInputs), y(kRows * kOutputs);
    const std::vector<float> want = Defined(matrix, type, kOutputs, x, kRows, kInputs);
    constexpr int64_t kBad = 17;
    x[kBad * kInputs + 40] = std::numeric_limits<float>::quiet_NaN();
    for (const NamedSet& set : Sets()) {
      Int8Matmul(&team, &Avx2Kernels(), set.kernels)
          .Run({.x = {x.data(), kRows, kInputs, kInputs},
                .weights = &weights,
                .y = {y.data(), kRows, kOutputs, kOutputs}},
               weights);
      for (int64_t r = 0; r < kRows; ++r) {
        if (r == kBad) continue;
        EXPECT_TRUE(SameBits(&y[r * kOutputs], &want[r * kOutputs], 1, kOutputs)) << set.name << ", row " << r;
      }
      EXPECT_NE(y[kBad * kOutputs], y[kBad * kOutputs]) << set.name;
    }
  }
}

/// Memory whose last byte is followed by a page that must not be touched.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t bytes) : page_(static_cast<size_t>(::sysconf(_SC_PAGESIZE))) {
    readable_ = (bytes + page_ - 1) / page_ * page_;
    map_ = static_cast<std::byte*>(
        ::mmap(nullptr, readable_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(map_ != MAP_FAILED && ::mprotect(map_ + readable_, page_, PROT_NONE) == 0);
    data_ = map_ + readable_ - bytes;
  }
  ~GuardedBytes() { ::munmap(map_, readable_ + page_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  template <class T>
  T* As() {
    return reinterpret_cast<T*>(data_);
  }

 private:
  size_t page_, readable_;
  std::byte *map_, *data_;
};

/// Sanitizers do not see what instructions on tiles touch: a guarded page does.
TEST(Int8Products, NothingBeyondTheReadableRowsIsTouched) {
  constexpr int64_t kInputs = 768, kGroups = kInputs / kGroupInputs;
  for (const DType type : kBlockTypes) {
    for (const int64_t rows : {1, 7, 9, 16, 17, 33, 128}) {
      Draws draws(kSeed);
      const StoredMatrix matrix(draws, type, kTileOutputs, kInputs);
      const int64_t readable = (rows + kReadableRows - 1) / kReadableRows * kReadableRows;
      GuardedBytes tile(TileBytes(matrix.Source())), quants(readable * kInputs), scales(rows * kGroups * 4);
      GuardedBytes sums(rows * kGroups * 4), half_sums(rows * kGroups * 8), out(rows * kTileOutputs * 4);
      PackTile(matrix.Source(), 0, tile.As<std::byte>());
      const Int8Rows to{quants.As<int8_t>(), scales.As<float>(), sums.As<float>(), half_sums.As<int32_t>(), kInputs};
      const std::vector<float> x = draws.Normals(rows * kInputs);
      const std::vector<float> want = Defined(matrix, type, kTileOutputs, x, rows, kInputs);
      alignas(64) static std::byte scratch[kTileScratchBytes];
      for (const NamedSet& set : Sets()) {
        for (int64_t r = 0; r < rows; ++r) set.kernels->quantize(&x[r * kInputs], to.From(r, 0));
        if (set.kernels->enter != nullptr) set.kernels->enter(rows);
        set.kernels->multiply[static_cast<int>(type)](
            {.tile = tile.As<std::byte>(), .rows = to, .count = rows, .out = out.As<float>(), .scratch = scratch});
        if (set.kernels->leave != nullptr) set.kernels->leave();
        ASSERT_TRUE(SameBits(out.As<float>(), want.data(), rows, kTileOutputs)) << set.name << ", " << Info(type).name;
      }
    }
  }
}

TEST(Int8Products, TilesOfThisProcessorAreUnderTest) {
  const CpuFeatures features = DetectCpu();
  if (!features.amx_int8) GTEST_SKIP() << "this processor (" << features.model_name << ") has no AMX int8";
  EXPECT_EQ(Sets().back().name, "AMX");
}

}  // namespace
}  // namespace longshot
