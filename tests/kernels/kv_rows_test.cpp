// labels: parity
// KV rows of every numeric path and of the definition: what is written comes back rounded once, moves keep
// bits.
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "kernels/cpu/half.h"
#include "tests/draws.h"
#include "tests/kernels/device_matrix.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr uint64_t kSeed = 77;
constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};

float RoundOnce(DType type, float x) {
  return type == DType::kBF16 ? FromBf16(ToBf16(x)) : type == DType::kF16 ? FromF16(ToF16(x)) : x;
}

/// Rounds rows of heads of `head_dim` elements.
void RoundRows(DType type, int head_dim, std::vector<float>& values) {
  for (size_t begin = 0; begin < values.size(); begin += static_cast<size_t>(head_dim)) {
    const std::span<float> row = std::span(values).subspan(begin, static_cast<size_t>(head_dim));
    float largest = 0;
    for (const float x : row) largest = std::max(largest, std::abs(x));
    for (float& x : row) {
      x = type == DType::kQ8_0
              ? largest / 127 * static_cast<float>(static_cast<int>(std::nearbyint(x * (127 / largest))))
              : RoundOnce(type, x);
    }
  }
}

/// Every path with two threads, and the definition.
void ForEachBackend(const std::function<void(Backend&)>& body) {
  body(*MakeReferenceBackend());
  ForEachNumericPath([&](const CpuOptions& options) {
    CpuOptions team = options;
    team.threads = 2;
    body(*MakeCpuBackend(team));
  });
}

struct Rows {
  std::vector<float> k, v;
};

Rows Export(Backend& backend, const KvBuffer& kv, int layer, int64_t slot, int64_t rows) {
  const int64_t width = int64_t{kv.geometry().kv_heads} * kv.geometry().head_dim;
  DeviceMatrix k(backend, rows, width), v(backend, rows, width);
  backend.ExportKv(kv, layer, slot, k.view(), v.view());
  return {k.Get(), v.Get()};
}

void Append(Backend& backend, KvBuffer& kv, int layer, int64_t slot, const Rows& rows) {
  const int64_t width = int64_t{kv.geometry().kv_heads} * kv.geometry().head_dim;
  const int64_t count = static_cast<int64_t>(rows.k.size()) / width;
  DeviceMatrix k(backend, count, width, rows.k), v(backend, count, width, rows.v);
  backend.AppendKv(kv, layer, slot, k.view(), v.view());
}

bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// Normals of very different sizes, so that every rounding case occurs.
std::vector<float> Varied(Draws& draws, int64_t n) {
  std::vector<float> values = draws.Normals(n);
  for (float& x : values) x = std::ldexp(x, static_cast<int>(draws.Between(-30, 14)));
  return values;
}

TEST(KvRows, AppendThenExportRoundsOnce) {
  ForEachBackend([](Backend& backend) {
    Draws draws(kSeed);
    for (const DType k_type : kTypes) {
      for (const DType v_type : kTypes) {
        for (const int head_dim : {8, 16, 64, 80, 96, 128}) {
          const KvGeometry g{
              .layers = 2, .kv_heads = 3, .head_dim = head_dim, .capacity = 131, .k_type = k_type, .v_type = v_type};
          const auto kv = backend.AllocateKv(g);
          const int64_t width = 3 * head_dim, slot = draws.Below(60), rows = draws.Between(1, 70);
          Rows first{Varied(draws, rows * width), Varied(draws, rows * width)};
          Rows other{Varied(draws, rows * width), Varied(draws, rows * width)};
          Append(backend, *kv, 1, slot, other);  // overwritten below
          Append(backend, *kv, 1, slot, first);
          Append(backend, *kv, 0, slot, other);  // another layer: must not disturb
          const Rows got = Export(backend, *kv, 1, slot, rows);
          RoundRows(k_type, head_dim, first.k);
          RoundRows(v_type, head_dim, first.v);
          EXPECT_TRUE(SameBits(got.k, first.k)) << Info(k_type).name << " keys, D " << head_dim << ", seed " << kSeed;
          EXPECT_TRUE(SameBits(got.v, first.v)) << Info(v_type).name << " values, D " << head_dim << ", seed " << kSeed;
        }
      }
    }
  });
}

TEST(KvRows, CompactionMovesBitsInEveryLayer) {
  ForEachBackend([](Backend& backend) {
    Draws draws(kSeed);
    for (int round = 0; round < 30; ++round) {
      const KvGeometry g{.layers = 3,
                         .kv_heads = 2,
                         .head_dim = 16,
                         .capacity = 200,
                         .k_type = draws.Pick(kTypes),
                         .v_type = draws.Pick(kTypes)};
      const auto kv = backend.AllocateKv(g);
      std::vector<Rows> before;
      for (int layer = 0; layer < 3; ++layer) {
        Append(backend, *kv, layer, 0, {draws.Normals(200 * 32), draws.Normals(200 * 32)});
        before.push_back(Export(backend, *kv, layer, 0, 200));
      }
      const int64_t first = draws.Between(0, 130);
      std::vector<int64_t> from;
      for (int64_t slot = first; slot < 200; ++slot) {
        if (draws.Chance(0.3)) from.push_back(slot);
      }
      backend.CompactKv(*kv, first, from);
      const auto moved = static_cast<int64_t>(from.size());
      for (int layer = 0; layer < 3; ++layer) {
        const Rows after = Export(backend, *kv, layer, 0, first + moved);
        for (int64_t slot = 0; slot < first + moved; ++slot) {
          const int64_t was = slot < first ? slot : from[slot - first];
          EXPECT_TRUE(
              SameBits(std::span(after.k).subspan(slot * 32, 32), std::span(before[layer].k).subspan(was * 32, 32)));
          EXPECT_TRUE(
              SameBits(std::span(after.v).subspan(slot * 32, 32), std::span(before[layer].v).subspan(was * 32, 32)))
              << "seed " << kSeed << " round " << round << " layer " << layer << " slot " << slot << " from " << was;
        }
      }
    }
  });
}

TEST(KvRows, PoisonIsNotANumberExactlyThere) {
  ForEachBackend([](Backend& backend) {
    Draws draws(kSeed);
    for (const DType type : kTypes) {
      const KvGeometry g{.layers = 2, .kv_heads = 2, .head_dim = 8, .capacity = 150, .k_type = type, .v_type = type};
      const auto kv = backend.AllocateKv(g);
      for (int layer = 0; layer < 2; ++layer)
        Append(backend, *kv, layer, 0, {draws.Normals(150 * 16), draws.Normals(150 * 16)});
      backend.PoisonKv(*kv, 61, 5);
      backend.PoisonKv(*kv, 147, 1000);  // clipped at the capacity
      for (int layer = 0; layer < 2; ++layer) {
        const Rows rows = Export(backend, *kv, layer, 0, 150);
        for (int64_t i = 0; i < 150 * 16; ++i) {
          const int64_t slot = i / 16;
          const bool poisoned = (slot >= 61 && slot < 66) || slot >= 147;
          EXPECT_EQ(std::isnan(rows.k[i]), poisoned) << "slot " << slot;
          EXPECT_EQ(std::isnan(rows.v[i]), poisoned) << "slot " << slot;
        }
      }
    }
  });
}

TEST(KvRows, BytesAreForetold) {
  ForEachBackend([](Backend& backend) {
    for (const DType k : kTypes) {
      for (const int64_t capacity : {1, 64, 65, 1000}) {
        const KvGeometry g{
            .layers = 2, .kv_heads = 3, .head_dim = 80, .capacity = capacity, .k_type = k, .v_type = DType::kF16};
        EXPECT_EQ(backend.AllocateKv(g)->bytes(), backend.KvBytes(g));
      }
    }
  });
}

TEST(KvRows, BytesAreThoseOfTheTypesAndTheScales) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    KvGeometry g{.layers = 30, .kv_heads = 3, .head_dim = 64, .capacity = 128};
    EXPECT_EQ(backend->KvBytes(g), 30 * 3 * 128 * (64 * 2 + 64 * 2));
    g.k_type = DType::kQ8_0;
    EXPECT_EQ(backend->KvBytes(g), 30 * 3 * 128 * (64 + 4 + 64 * 2));
    g.v_type = DType::kQ8_0;
    EXPECT_EQ(backend->KvBytes(g), 30 * 3 * 128 * (64 + 4 + 64 + 4));
    EXPECT_EQ(backend->KvImageBytes(g, 65), 3 * 128 * (64 + 4 + 64 + 4));
  });
}

TEST(KvRows, RowsTooSmallForAScaleAreZero) {
  ForEachBackend([](Backend& backend) {
    const KvGeometry g{
        .layers = 1, .kv_heads = 1, .head_dim = 8, .capacity = 4, .k_type = DType::kQ8_0, .v_type = DType::kQ8_0};
    const auto kv = backend.AllocateKv(g);
    const std::vector<float> rows = {0, 0, 0, 0, 0, 0, 0,  0, 0x1p-121f, 0, -0x1p-130f, 0,
                                     0, 0, 0, 0, 0, 0, -1, 0, 0,         0, 0,          0};
    Append(backend, *kv, 0, 0, {rows, rows});
    const Rows got = Export(backend, *kv, 0, 0, 3);
    for (size_t i = 0; i < rows.size(); ++i) {
      const float want = i == 18 ? -1.0f : 0.0f;
      EXPECT_EQ(got.k[i], want) << "element " << i;
      EXPECT_EQ(got.v[i], want) << "element " << i;
    }
  });
}

ErrorCode CodeOf(const std::function<void()>& body, std::string& message) {
  try {
    body();
  } catch (const Error& error) {
    message = error.what();
    return error.code();
  }
  message = "no error";
  return ErrorCode::kUsage;
}

TEST(KvRows, TooMuchIsAnError) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    KvGeometry g{.layers = 1, .kv_heads = 1, .head_dim = 64, .capacity = int64_t{1} << 42};
    std::string message;
    EXPECT_EQ(CodeOf([&] { backend->AllocateKv(g); }, message), ErrorCode::kCapacity);
    EXPECT_EQ(message, "KV cache of 1073741824 MiB for 4398046511104 tokens does not fit in memory: use a smaller -c");
    for (const int64_t capacity : {int64_t{1} << 56, std::numeric_limits<int64_t>::max()}) {
      g.capacity = capacity;
      EXPECT_EQ(CodeOf([&] { backend->AllocateKv(g); }, message), ErrorCode::kFormat);
      EXPECT_NE(message.find("KV cache: "), std::string::npos) << message;
      EXPECT_NE(message.find("overflows"), std::string::npos) << message;
    }
  });
}

TEST(KvRows, WritingBeyondTheCapacityIsAProgrammerError) {
  const auto write = [](Backend& backend, int64_t slot) {
    const auto kv = backend.AllocateKv({.layers = 1, .kv_heads = 1, .head_dim = 8, .capacity = 10});
    Append(backend, *kv, 0, slot, {std::vector<float>(16), std::vector<float>(16)});
  };
  EXPECT_DEATH(write(*MakeReferenceBackend(), 9), "CHECK\\(first_slot >= 0");
  EXPECT_DEATH(write(*MakeCpuBackend({}), 9), "CHECK\\(first_slot >= 0");
  EXPECT_DEATH(write(*MakeCpuBackend({}), -1), "CHECK\\(first_slot >= 0");
}

/// The images of every layer, saved from rows [0, rows).
std::vector<std::vector<std::byte>> Images(Backend& backend, const KvBuffer& kv, int64_t rows) {
  std::vector<std::vector<std::byte>> images;
  for (int layer = 0; layer < kv.geometry().layers; ++layer) {
    images.emplace_back(backend.KvImageBytes(kv.geometry(), rows));
    backend.SaveKv(kv, layer, rows, images.back());
  }
  return images;
}

TEST(KvRows, AnImageGivesTheSameBitsToABufferOfAnotherCapacity) {
  ForEachBackend([](Backend& backend) {
    Draws draws(kSeed + 2);
    for (const DType k_type : kTypes) {
      for (const DType v_type : kTypes) {
        for (const int64_t rows : {1, 63, 64, 65, 130, 131}) {
          KvGeometry g{.layers = 2, .kv_heads = 3, .head_dim = 40, .capacity = 140, .k_type = k_type, .v_type = v_type};
          const auto kv = backend.AllocateKv(g);
          for (int layer = 0; layer < 2; ++layer) {
            Append(backend, *kv, layer, 0, {Varied(draws, 140 * 120), Varied(draws, 140 * 120)});
          }
          const auto images = Images(backend, *kv, rows);
          g.capacity = 400;
          const auto loaded = backend.AllocateKv(g);
          // Fewer rows than the image has: a document that goes on otherwise.
          const int64_t taken = draws.Between(1, rows);
          for (int layer = 0; layer < 2; ++layer) {
            backend.LoadKv(*loaded, layer, taken, images[layer], rows);
          }
          for (int layer = 0; layer < 2; ++layer) {
            const Rows before = Export(backend, *kv, layer, 0, taken),
                       after = Export(backend, *loaded, layer, 0, taken);
            EXPECT_TRUE(SameBits(before.k, after.k) && SameBits(before.v, after.v))
                << Info(k_type).name << " " << Info(v_type).name << ": " << taken << " of " << rows << " rows";
          }
        }
      }
    }
  });
}

TEST(KvRows, AnImageHoldsNothingOfTheSlotsBehindItsRows) {
  ForEachBackend([](Backend& backend) {
    Draws draws(kSeed + 3);
    const KvGeometry g{.layers = 2, .kv_heads = 2, .head_dim = 32, .capacity = 192};
    const Rows rows{draws.Normals(70 * 64), draws.Normals(70 * 64)},
        other{draws.Normals(99 * 64), draws.Normals(99 * 64)};
    const auto clean = backend.AllocateKv(g), used = backend.AllocateKv(g);
    for (int layer = 0; layer < 2; ++layer) {
      Append(backend, *used, layer, 70, other);  // what a round or an answer left
      Append(backend, *used, layer, 0, rows);
      Append(backend, *clean, layer, 0, rows);
    }
    EXPECT_EQ(Images(backend, *used, 70), Images(backend, *clean, 70));
  });
}

TEST(KvRows, TheSizeOfAnImageDoesNotDependOnTheCapacity) {
  ForEachBackend([](Backend& backend) {
    KvGeometry g{.layers = 2, .kv_heads = 2, .head_dim = 32, .capacity = 64};
    const int64_t bytes = backend.KvImageBytes(g, 1000);
    g.capacity = 4096;
    EXPECT_EQ(backend.KvImageBytes(g, 1000), bytes);
    EXPECT_THROW(backend.KvImageBytes(g, std::numeric_limits<int64_t>::max()), Error);
    EXPECT_FALSE(backend.KvLayout().empty());
  });
}

}  // namespace
}  // namespace longshot
