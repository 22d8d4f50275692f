#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "tests/draws.h"
#include "tests/kernels/device_matrix.h"

namespace longshot {

/// One attention pass with all its inputs on the host. Letters as in kernels.h.
struct AttentionCase {
  uint64_t seed = 0;
  KvGeometry geometry;
  int heads = 1;
  int64_t base = 0;
  std::vector<int32_t> parent, depth;
  bool chain = false;
  bool prompt = false;
  int64_t first_row = 0;
  std::vector<std::vector<KeyRange>> ranges = {{}};  ///< one entry or [K]
  int64_t tail_begin = 0;
  std::vector<float> q;                         ///< [T, H * D] of all rows, also those before first_row
  std::vector<float> committed_k, committed_v;  ///< [base, K * D]
  std::vector<float> k, v;                      ///< [T, K * D]

  static constexpr int kLayer = 1;

  int64_t rows() const { return static_cast<int64_t>(parent.size()); }
  int64_t kv_width() const { return int64_t{geometry.kv_heads} * geometry.head_dim; }
  int64_t q_width() const { return int64_t{heads} * geometry.head_dim; }
  RowTopology topology() const { return {base, parent, depth, chain}; }
  std::vector<HeadView> views() const;
  bool Sees(int kv_head, int64_t position) const;
  /// Nodes from the root to `node`, which is included.
  std::vector<int64_t> Path(int64_t node) const;
  std::string Describe() const;
};

enum class Shape { kChain, kChainAsTree, kRandomTree, kBushyTree, kStar };
enum class ViewKind { kFull, kWindow, kRanges, kPerHead, kNothingCommitted };

/// Fills the topology with T rows of the given shape.
void SetTopology(AttentionCase& c, Draws& draws, Shape shape, int64_t rows);
/// Fills the view; ranges straddle block borders. REQUIRES: base and geometry are set.
void SetView(AttentionCase& c, Draws& draws, ViewKind kind);
/// Draws q, k, v. REQUIRES: everything else is set.
void SetRows(AttentionCase& c, Draws& draws);

/// KV rows of a case: every slot is NaN first, then the committed rows are written, those that a head's view
/// hides as NaN too, then the rows of the pass. Layer 0 stays NaN.
std::unique_ptr<KvBuffer> WriteKv(Backend& backend, const AttentionCase& c);

/// Attention output of rows first_row.., [T - first_row, H * D].
std::vector<float> Attend(Backend& backend, KvBuffer& kv, const AttentionCase& c);

inline std::vector<float> Attend(Backend& backend, const AttentionCase& c) {
  return Attend(backend, *WriteKv(backend, c), c);
}

inline std::vector<HeadView> AttentionCase::views() const {
  std::vector<HeadView> views;
  for (const std::vector<KeyRange>& r : ranges) views.push_back({r, tail_begin});
  return views;
}

inline bool AttentionCase::Sees(int kv_head, int64_t position) const {
  if (position >= tail_begin) return true;
  const std::vector<KeyRange>& mine = ranges[ranges.size() == 1 ? 0 : static_cast<size_t>(kv_head)];
  return std::any_of(mine.begin(), mine.end(),
                     [&](const KeyRange& r) { return r.begin <= position && position < r.end; });
}

inline std::vector<int64_t> AttentionCase::Path(int64_t node) const {
  std::vector<int64_t> path;
  for (; node >= 0; node = parent[node]) path.push_back(node);
  std::reverse(path.begin(), path.end());
  return path;
}

inline std::string AttentionCase::Describe() const {
  return fmt::format(
      "seed {}: K {} H {} D {} keys {} values {} base {} T {} first_row {} chain {} prompt {} ranges {} tail {}", seed,
      geometry.kv_heads, heads, geometry.head_dim, Info(geometry.k_type).name, Info(geometry.v_type).name, base, rows(),
      first_row, chain, prompt, ranges[0].size(), tail_begin);
}

inline void SetTopology(AttentionCase& c, Draws& draws, Shape shape, int64_t rows) {
  c.chain = shape == Shape::kChain;
  c.parent.clear(), c.depth.clear();
  for (int32_t i = 0; i < rows; ++i) {
    int32_t parent = i - 1;
    if (i > 0 && shape == Shape::kRandomTree) parent = static_cast<int32_t>(draws.Below(i));
    if (i > 0 && shape == Shape::kBushyTree) parent = static_cast<int32_t>(draws.Between(std::max(0, i - 4), i - 1));
    if (i > 0 && shape == Shape::kStar) parent = 0;
    c.parent.push_back(parent);
    c.depth.push_back(i == 0 ? 0 : c.depth[static_cast<size_t>(parent)] + 1);
  }
}

/// Up to four sorted, disjoint ranges below `end`, with borders on and beside multiples of 64.
inline std::vector<KeyRange> RandomRanges(Draws& draws, int64_t end) {
  std::vector<int64_t> borders;
  for (int64_t i = 2 * draws.Between(0, 4); i > 0; --i) {
    const int64_t any = draws.Between(0, end), near_block = any / 64 * 64 + draws.Between(-1, 1);
    borders.push_back(std::clamp<int64_t>(draws.Chance(0.5) ? any : near_block, 0, end));
  }
  std::sort(borders.begin(), borders.end());
  std::vector<KeyRange> ranges;
  for (size_t i = 0; i + 1 < borders.size(); i += 2) {
    if (borders[i] < borders[i + 1]) ranges.push_back({borders[i], borders[i + 1]});
  }
  return ranges;
}

inline void SetView(AttentionCase& c, Draws& draws, ViewKind kind) {
  c.ranges = {{}};
  c.tail_begin = 0;
  if (kind == ViewKind::kFull) return;
  c.tail_begin = kind == ViewKind::kNothingCommitted ? c.base : draws.Between(0, c.base);
  if (kind == ViewKind::kWindow && c.tail_begin > 0) c.ranges = {{{0, draws.Between(1, c.tail_begin)}}};
  if (kind == ViewKind::kRanges) c.ranges = {RandomRanges(draws, c.tail_begin)};
  if (kind == ViewKind::kPerHead) {
    c.ranges.clear();
    for (int h = 0; h < c.geometry.kv_heads; ++h) c.ranges.push_back(RandomRanges(draws, c.tail_begin));
  }
}

inline void SetRows(AttentionCase& c, Draws& draws) {
  c.q = draws.Normals(c.rows() * c.q_width());
  c.committed_k = draws.Normals(c.base * c.kv_width());
  c.committed_v = draws.Normals(c.base * c.kv_width());
  c.k = draws.Normals(c.rows() * c.kv_width());
  c.v = draws.Normals(c.rows() * c.kv_width());
}

inline std::unique_ptr<KvBuffer> WriteKv(Backend& backend, const AttentionCase& c) {
  std::unique_ptr<KvBuffer> kv = backend.AllocateKv(c.geometry);
  backend.PoisonKv(*kv, 0, c.geometry.capacity);
  const auto append = [&](int64_t slot, int64_t rows, const std::vector<float>& k, const std::vector<float>& v) {
    if (rows == 0) return;
    DeviceMatrix keys(backend, rows, c.kv_width(), k), values(backend, rows, c.kv_width(), v);
    backend.AppendKv(*kv, AttentionCase::kLayer, slot, keys.view(), values.view());
  };
  std::vector<float> k = c.committed_k, v = c.committed_v;
  for (int64_t p = 0; p < c.base; ++p) {
    for (int h = 0; h < c.geometry.kv_heads; ++h) {
      if (c.Sees(h, p)) continue;
      const int64_t at = p * c.kv_width() + int64_t{h} * c.geometry.head_dim;
      std::fill_n(k.begin() + at, c.geometry.head_dim, std::numeric_limits<float>::quiet_NaN());
      std::fill_n(v.begin() + at, c.geometry.head_dim, std::numeric_limits<float>::quiet_NaN());
    }
  }
  append(0, c.base, k, v);
  append(c.base, c.rows(), c.k, c.v);
  return kv;
}

inline std::vector<float> Attend(Backend& backend, KvBuffer& kv, const AttentionCase& c) {
  const int64_t rows = c.rows() - c.first_row;
  DeviceMatrix q(backend, rows, c.q_width(), std::span(c.q).subspan(static_cast<size_t>(c.first_row * c.q_width())));
  DeviceMatrix out(backend, rows, c.q_width());
  const std::vector<HeadView> views = c.views();
  backend.Attention({.q = q.view(),
                     .out = out.view(),
                     .heads = c.heads,
                     .kv = &kv,
                     .layer = AttentionCase::kLayer,
                     .topology = c.topology(),
                     .first_row = c.first_row,
                     .views = views,
                     .prompt = c.prompt});
  return out.Get();
}

}  // namespace longshot
