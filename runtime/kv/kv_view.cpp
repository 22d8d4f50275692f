#include "runtime/kv/kv_view.h"

#include <algorithm>

#include "core/error.h"

namespace longshot {
namespace {

void CheckRanges(std::span<const KeyRange> ranges, int64_t tail_begin) {
  CHECK(tail_begin >= 0, "a view with tail {}", tail_begin);
  int64_t previous = 0;
  for (const KeyRange& r : ranges) {
    CHECK(r.begin >= previous && r.begin < r.end && r.end <= tail_begin, "range [{}, {}) of a view with tail {}",
          r.begin, r.end, tail_begin);
    previous = r.end;
  }
}

}  // namespace

void KvView::Bind() {
  heads_.resize(ranges_.size());
  for (size_t i = 0; i < ranges_.size(); ++i) {
    CheckRanges(ranges_[i], tail_begin_);
    heads_[i] = {ranges_[i], tail_begin_};
  }
}

KvView::KvView(const KvView& other)
    : heads_per_layer_(other.heads_per_layer_),
      layers_(other.layers_),
      tail_begin_(other.tail_begin_),
      ranges_(other.ranges_) {
  Bind();
}

KvView& KvView::operator=(const KvView& other) {
  heads_per_layer_ = other.heads_per_layer_;
  layers_ = other.layers_;
  tail_begin_ = other.tail_begin_;
  ranges_ = other.ranges_;
  Bind();
  return *this;
}

KvView KvView::Full() { return Shared({}, 0); }

KvView KvView::Shared(std::vector<KeyRange> ranges, int64_t tail_begin) {
  KvView view;
  view.tail_begin_ = tail_begin;
  view.ranges_.push_back(std::move(ranges));
  view.Bind();
  return view;
}

void KvView::Refill(KeyRange range, int64_t tail_begin) {
  layers_ = heads_per_layer_ = 1;
  tail_begin_ = tail_begin;
  ranges_.resize(1);
  ranges_[0].clear();
  if (range.begin < range.end) ranges_[0].push_back(range);
  Bind();
}

KvView KvView::PerHead(int layers, int kv_heads, std::vector<std::vector<KeyRange>> ranges, int64_t tail_begin) {
  CHECK(layers > 0 && kv_heads > 0 && ranges.size() == static_cast<size_t>(layers) * kv_heads);
  KvView view;
  view.layers_ = layers;
  view.heads_per_layer_ = kv_heads;
  view.tail_begin_ = tail_begin;
  view.ranges_ = std::move(ranges);
  view.Bind();
  return view;
}

std::span<const HeadView> KvView::Layer(int layer) const {
  const int index = layers_ == 1 ? 0 : layer;
  CHECK(index >= 0 && index < layers_, "layer {} of a view of {} layers", layer, layers_);
  return std::span(heads_).subspan(static_cast<size_t>(index) * heads_per_layer_, heads_per_layer_);
}

double KvView::RowsRead(int64_t committed) const {
  int64_t rows = 0;
  for (const std::vector<KeyRange>& ranges : ranges_) {
    for (const KeyRange& r : ranges) rows += std::min(r.end, committed) - std::min(r.begin, committed);
  }
  return static_cast<double>(rows) / static_cast<double>(ranges_.size()) +
         static_cast<double>(std::max<int64_t>(committed - tail_begin_, 0));
}

const KvView& FullPolicy::View(int64_t) { return view_; }

WindowPolicy::WindowPolicy(int64_t sink, int64_t recent) : sink_(sink), recent_(recent) {
  CHECK(sink >= 0 && recent >= 1, "sink {} recent {}", sink, recent);
}

const KvView& WindowPolicy::View(int64_t committed) {
  const int64_t tail = std::max<int64_t>(committed - recent_, 0);
  view_.Refill({0, std::min(sink_, tail)}, tail);
  return view_;
}

}  // namespace longshot
