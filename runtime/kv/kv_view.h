#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace longshot {

/// What one forward pass may read of a sequence: per (layer, KV head) a few ranges of committed rows, and every row
/// from `tail_begin` on. Rows of the current pass are always visible to their descendants, so rolling a draft back
/// needs no view code. Positions are absolute; a view never re-numbers.
class KvView {
 public:
  KvView(const KvView& other);
  KvView& operator=(const KvView& other);

  /// Everything: ranges empty, tail from 0.
  static KvView Full();
  /// The same ranges for every layer and head. REQUIRES: sorted, disjoint, below tail_begin.
  static KvView Shared(std::vector<KeyRange> ranges, int64_t tail_begin);
  /// Becomes the shared view of `range` (left out when empty) and the tail; keeps memory, so that a view of every
  /// round allocates nothing.
  void Refill(KeyRange range, int64_t tail_begin);
  /// Ranges of its own for each (layer, KV head), layer-major; all share `tail_begin`.
  static KvView PerHead(int layers, int kv_heads, std::vector<std::vector<KeyRange>> ranges, int64_t tail_begin);

  /// Views of one layer: one entry shared by all heads, or [kv_heads].
  std::span<const HeadView> Layer(int layer) const;
  int64_t tail_begin() const { return tail_begin_; }
  bool full() const { return tail_begin_ == 0; }
  /// Committed rows one pass reads at `committed`, averaged over layers and heads: the cost model's p.
  double RowsRead(int64_t committed) const;

 private:
  KvView() = default;
  void Bind();

  int heads_per_layer_ = 1;
  int layers_ = 1;
  int64_t tail_begin_ = 0;
  std::vector<std::vector<KeyRange>> ranges_;  ///< [layers * heads] or one
  std::vector<HeadView> heads_;                ///< points into ranges_
};

/// Fills a view of a sequence's committed rows: the seam for every lossy cache. Used by a drafter its output stays
/// exact; used on the target it defines another model.
class KvPolicy {
 public:
  virtual ~KvPolicy() = default;
  virtual std::string name() const = 0;
  /// The view at `committed` rows; valid until the next commit.
  virtual const KvView& View(int64_t committed) = 0;
};

/// `full`: every committed row.
class FullPolicy final : public KvPolicy {
 public:
  std::string name() const override { return "full"; }
  const KvView& View(int64_t committed) override;

 private:
  KvView view_ = KvView::Full();
};

/// `window`: the first `sink` rows and the most recent `recent` ones.
/// Source: Xiao et al. 2023, "StreamingLLM", arXiv 2309.17453, with absolute positions (no re-numbering).
class WindowPolicy final : public KvPolicy {
 public:
  /// REQUIRES: sink >= 0, recent >= 1.
  WindowPolicy(int64_t sink, int64_t recent);
  std::string name() const override { return "window"; }
  const KvView& View(int64_t committed) override;

 private:
  int64_t sink_, recent_;
  KvView view_ = KvView::Full();
};

}  // namespace longshot
