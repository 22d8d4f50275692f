// labels: parity
// Invariant 7: the attention of a row has the same bits whether its ancestors are rows of a tree, of a chain,
// of an earlier part of the pass, or committed; and whoever computes it.
#include <cmath>
#include <cstring>

#include "tests/kernels/attention_case.h"
#include "tests/numeric_paths.h"

namespace longshot {
namespace {

constexpr int64_t kBases[] = {0, 1, 60, 63, 64, 65, 127, 500, 511, 512, 513, 1000, 1090};
constexpr int kHeadDims[] = {8, 32, 64, 80};
constexpr int kGroups[] = {1, 3, 4, 7};
constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kBF16, DType::kQ8_0, DType::kQ8_0};
constexpr Shape kTrees[] = {Shape::kChain, Shape::kChainAsTree, Shape::kRandomTree, Shape::kBushyTree, Shape::kStar};
constexpr ViewKind kViews[] = {ViewKind::kFull, ViewKind::kWindow, ViewKind::kRanges, ViewKind::kPerHead,
                               ViewKind::kNothingCommitted};

AttentionCase MakeCase(uint64_t number, Shape shape, int64_t rows) {
  Draws draws(7000 + number);
  AttentionCase c;
  c.seed = number;
  c.base = kBases[number % std::size(kBases)];
  c.geometry = {.layers = 2,
                .kv_heads = 2,
                .head_dim = draws.Pick(kHeadDims),
                .capacity = c.base + rows,
                .k_type = draws.Pick(kTypes),
                .v_type = draws.Pick(kTypes)};
  c.heads = 2 * draws.Pick(kGroups);
  SetTopology(c, draws, shape, rows);
  SetView(c, draws, draws.Pick(kViews));
  SetRows(c, draws);
  return c;
}

std::span<const float> Row(const std::vector<float>& values, int64_t row, int64_t width) {
  return std::span(values).subspan(static_cast<size_t>(row * width), static_cast<size_t>(width));
}

/// Equal to the bit, and numbers: two rows that both read poison are not the same.
bool SameBits(std::span<const float> a, std::span<const float> b) {
  const bool finite = std::all_of(a.begin(), a.end(), [](float x) { return std::isfinite(x); });
  return finite && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// What plain decoding computes for `node`: its ancestors are committed by compaction, everything else is
/// poisoned, and the node is a pass of one row.
std::vector<float> PlainDecoding(Backend& backend, const AttentionCase& c, int64_t node) {
  const std::unique_ptr<KvBuffer> kv = WriteKv(backend, c);
  std::vector<int64_t> slots;
  for (const int64_t ancestor : c.Path(node)) slots.push_back(c.base + ancestor);
  slots.pop_back();
  if (!slots.empty()) backend.CompactKv(*kv, c.base, slots);
  AttentionCase one = c;
  one.base = c.base + c.depth[node];
  one.parent = {-1}, one.depth = {0};
  one.chain = true;
  const auto only = [&](const std::vector<float>& all, int64_t width) {
    const std::span<const float> row = Row(all, node, width);
    return std::vector<float>(row.begin(), row.end());
  };
  one.q = only(c.q, c.q_width()), one.k = only(c.k, c.kv_width()), one.v = only(c.v, c.kv_width());
  backend.PoisonKv(*kv, one.base, c.geometry.capacity - one.base);
  DeviceMatrix k(backend, 1, c.kv_width(), one.k), v(backend, 1, c.kv_width(), one.v);
  backend.AppendKv(*kv, AttentionCase::kLayer, one.base, k.view(), v.view());
  return Attend(backend, *kv, one);
}

TEST(AttentionInvariance, ATreeNodeIsPlainDecoding) {
  ForEachNumericPath([](const CpuOptions& options) {
    std::vector<std::unique_ptr<Backend>> teams;
    for (int threads = 1; threads <= 3; ++threads) {
      CpuOptions team = options;
      team.threads = threads;
      teams.push_back(MakeCpuBackend(team));
    }
    for (uint64_t number = 0; number < 40; ++number) {
      const AttentionCase c =
          MakeCase(number, kTrees[number % std::size(kTrees)], 2 + static_cast<int64_t>(number) % 23);
      std::vector<std::vector<float>> all;
      for (const auto& team : teams) all.push_back(Attend(*team, c));
      for (int64_t node = c.rows() - 1; node >= 0; node -= 1 + c.rows() / 6) {
        const std::vector<float> plain = PlainDecoding(*teams[0], c, node);
        for (size_t team = 0; team < teams.size(); ++team) {
          ASSERT_TRUE(SameBits(Row(all[team], node, c.q_width()), plain))
              << c.Describe() << ", threads " << team + 1 << ": node " << node << " at depth " << c.depth[node];
        }
      }
    }
  });
}

TEST(AttentionInvariance, AChainInPlaceIsAChainAssembledIsATree) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    for (uint64_t number = 0; number < 12; ++number) {
      AttentionCase c = MakeCase(number, Shape::kChain, number % 3 == 0 ? 150 : 40);
      const std::vector<float> in_place = Attend(*backend, c);
      c.chain = false;
      ASSERT_TRUE(SameBits(in_place, Attend(*backend, c))) << c.Describe();
    }
  });
}

TEST(AttentionInvariance, PartsOfAPassAreThePass) {
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    for (uint64_t number = 0; number < 12; ++number) {
      AttentionCase c = MakeCase(number, kTrees[number % std::size(kTrees)], 50);
      const std::vector<float> whole = Attend(*backend, c);
      for (const int64_t first : {1, 13, 17, 49}) {
        c.first_row = first;
        ASSERT_TRUE(SameBits(std::span(whole).subspan(static_cast<size_t>(first * c.q_width())), Attend(*backend, c)))
            << c.Describe();
      }
    }
  });
}

TEST(AttentionInvariance, APassMayEndAtAnyPlaceOfABlock) {
  // Many rows are attended unit by unit, one row chunk by chunk of the context: both meet the border at 512.
  ForEachNumericPath([](const CpuOptions& options) {
    const auto backend = MakeCpuBackend(options);
    for (uint64_t number = 0; number < 20; ++number) {
      AttentionCase c = MakeCase(number, Shape::kChain, 40);
      Draws draws(number);
      c.base = 462 + static_cast<int64_t>(number);
      c.geometry.head_dim = 8, c.geometry.capacity = c.base + 40, c.heads = 2 * 7;
      c.ranges = {{}}, c.tail_begin = 0;
      SetRows(c, draws);
      const std::vector<float> all = Attend(*backend, c);
      for (const int64_t row : {8, 26, 39}) {
        ASSERT_TRUE(SameBits(Row(all, row, c.q_width()), PlainDecoding(*backend, c, row)))
            << c.Describe() << ": row " << row;
      }
    }
  });
}

/// Rows [begin, end) of a chain as a pass of their own over committed rows.
AttentionCase Part(const AttentionCase& c, int64_t begin, int64_t end) {
  AttentionCase part = c;
  part.base = c.base + begin;
  const auto slice = [&](const std::vector<float>& all, int64_t width) {
    return std::vector<float>(all.begin() + begin * width, all.begin() + end * width);
  };
  part.q = slice(c.q, c.q_width()), part.k = slice(c.k, c.kv_width()), part.v = slice(c.v, c.kv_width());
  part.committed_k.insert(part.committed_k.end(), c.k.begin(), c.k.begin() + begin * c.kv_width());
  part.committed_v.insert(part.committed_v.end(), c.v.begin(), c.v.begin() + begin * c.kv_width());
  part.parent.resize(static_cast<size_t>(end - begin));
  part.depth.resize(static_cast<size_t>(end - begin));
  return part;
}

/// Prompts across the borders of steps, 256, and of chunks, 512.
constexpr int64_t kPromptBases[] = {0, 200, 255, 400, 500, 770, 1000, 1090};

/// Makes the case one of prompt rows in 16 bits, now and then beside another type.
void MakePrompt(AttentionCase& c, int64_t base) {
  Draws draws(static_cast<uint64_t>(base));
  constexpr DType kKeys[] = {DType::kBF16, DType::kF16, DType::kBF16, DType::kQ8_0};
  constexpr DType kValues[] = {DType::kBF16, DType::kF16, DType::kQ8_0, DType::kBF16, DType::kF32};
  constexpr int kDims[] = {64, 80, 128, 192};
  c.prompt = true;
  c.base = base;
  c.geometry.capacity = base + c.rows();
  c.geometry.head_dim = draws.Pick(kDims);
  c.geometry.k_type = draws.Pick(kKeys), c.geometry.v_type = draws.Pick(kValues);
  SetView(c, draws, draws.Pick(kViews));
  SetRows(c, draws);
}

TEST(AttentionInvariance, PrefillChunksDoNotShow) {
  ForEachNumericPath([](const CpuOptions& options) {
    CpuOptions team = options;
    team.threads = 2;
    const auto one = MakeCpuBackend(options), two = MakeCpuBackend(team);
    for (uint64_t number = 0; number < 6 + std::size(kPromptBases); ++number) {
      AttentionCase c = MakeCase(number, Shape::kChain, 130);
      if (number >= 6) MakePrompt(c, kPromptBases[number - 6]);
      const std::vector<float> whole = Attend(*one, c);
      for (const int64_t chunk : {1, 16, 33, 64, 100}) {
        for (int64_t begin = 0; begin < c.rows(); begin += chunk) {
          if (chunk == 1 && begin % 11 != 0) continue;
          const int64_t end = std::min(begin + chunk, c.rows());
          const std::vector<float> got = Attend(*two, Part(c, begin, end));
          ASSERT_TRUE(SameBits(got, std::span(whole).subspan(static_cast<size_t>(begin * c.q_width()), got.size())))
              << c.Describe() << ": rows from " << begin << " in chunks of " << chunk;
        }
      }
    }
  });
}

}  // namespace
}  // namespace longshot
