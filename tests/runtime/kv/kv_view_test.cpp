// Views and the policies that fill them.
#include "runtime/kv/kv_view.h"

#include <gtest/gtest.h>

#include "tests/draws.h"

namespace longshot {
namespace {

bool Sees(const HeadView& view, int64_t position) {
  for (const KeyRange& r : view.ranges) {
    if (r.begin <= position && position < r.end) return true;
  }
  return position >= view.tail_begin;
}

TEST(KvView, FullSeesEverything) {
  const KvView view = KvView::Full();
  EXPECT_TRUE(view.full());
  for (const int layer : {0, 1, 31}) {
    ASSERT_EQ(view.Layer(layer).size(), 1u);
    EXPECT_TRUE(view.Layer(layer)[0].ranges.empty());
    EXPECT_EQ(view.Layer(layer)[0].tail_begin, 0);
  }
  EXPECT_EQ(view.RowsRead(0), 0);
  EXPECT_EQ(view.RowsRead(1234), 1234);
}

TEST(KvView, SharedServesEveryLayer) {
  const KvView view = KvView::Shared({{0, 4}, {10, 12}, {12, 20}}, 30);
  EXPECT_FALSE(view.full());
  EXPECT_EQ(view.tail_begin(), 30);
  ASSERT_EQ(view.Layer(7).size(), 1u);
  EXPECT_EQ(view.Layer(7)[0].ranges.size(), 3u);
  EXPECT_EQ(view.RowsRead(100), 4 + 2 + 8 + 70);
  EXPECT_EQ(view.RowsRead(30), 14);
  EXPECT_EQ(view.RowsRead(11), 4 + 1) << "rows that are not committed are not read";
  EXPECT_EQ(view.RowsRead(0), 0);
}

TEST(KvView, PerHeadIsLayerMajor) {
  const KvView view = KvView::PerHead(2, 2, {{{0, 1}}, {{0, 2}}, {{0, 3}}, {}}, 8);
  ASSERT_EQ(view.Layer(0).size(), 2u);
  EXPECT_EQ(view.Layer(0)[0].ranges[0], (KeyRange{0, 1}));
  EXPECT_EQ(view.Layer(0)[1].ranges[0], (KeyRange{0, 2}));
  EXPECT_EQ(view.Layer(1)[0].ranges[0], (KeyRange{0, 3}));
  EXPECT_TRUE(view.Layer(1)[1].ranges.empty());
  EXPECT_EQ(view.RowsRead(10), 1.5 + 2) << "the mean over layers and heads, and the tail";
}

TEST(KvView, CopiesOwnTheirRanges) {
  KvView copy = KvView::Full();
  {
    const KvView view = KvView::PerHead(1, 2, {{{0, 1}}, {{2, 5}}}, 8);
    copy = view;
    const KvView second(view);
    EXPECT_NE(second.Layer(0)[1].ranges.data(), view.Layer(0)[1].ranges.data());
  }
  const KvView& alias = copy;
  copy = alias;
  ASSERT_EQ(copy.Layer(0).size(), 2u);
  EXPECT_EQ(copy.Layer(0)[1].ranges[0], (KeyRange{2, 5}));
  EXPECT_EQ(copy.tail_begin(), 8);
}

TEST(KvViewDeath, WrongRangesAreCaught) {
  EXPECT_DEATH(KvView::Shared({{3, 3}}, 8), "range \\[3, 3\\) of a view with tail 8");
  EXPECT_DEATH(KvView::Shared({{4, 3}}, 8), "range \\[4, 3\\)");
  EXPECT_DEATH(KvView::Shared({{-1, 3}}, 8), "range \\[-1, 3\\)");
  EXPECT_DEATH(KvView::Shared({{0, 9}}, 8), "range \\[0, 9\\) of a view with tail 8");
  EXPECT_DEATH(KvView::Shared({{0, 4}, {3, 5}}, 8), "range \\[3, 5\\)");
  EXPECT_DEATH(KvView::Shared({{4, 6}, {0, 2}}, 8), "range \\[0, 2\\)");
  EXPECT_DEATH(KvView::Shared({}, -1), "tail -1");
  EXPECT_DEATH(KvView::PerHead(2, 2, {{}, {}, {}}, 8), "CHECK");
  EXPECT_DEATH(KvView::PerHead(0, 2, {}, 8), "CHECK");
  EXPECT_DEATH(KvView::PerHead(2, 1, {{}, {}}, 8).Layer(2), "CHECK");
  EXPECT_DEATH(KvView::PerHead(2, 1, {{}, {}}, 8).Layer(-1), "CHECK");
}

TEST(FullPolicy, IsFull) {
  FullPolicy policy;
  EXPECT_EQ(policy.name(), "full");
  EXPECT_TRUE(policy.View(0).full());
  EXPECT_TRUE(policy.View(5000).full());
}

TEST(WindowPolicy, SeesTheSinkAndTheRecentRowsAndNothingElse) {
  Draws draws(3);
  for (int round = 0; round < 300; ++round) {
    const int64_t sink = draws.Between(0, 20), recent = draws.Between(1, 40), committed = draws.Between(0, 100);
    WindowPolicy policy(sink, recent);
    const KvView& view = policy.View(committed);
    int64_t seen = 0;
    for (int64_t p = 0; p < committed; ++p) {
      const bool expected = p < sink || p >= committed - recent;
      EXPECT_EQ(Sees(view.Layer(0)[0], p), expected)
          << "sink " << sink << " recent " << recent << " committed " << committed << " position " << p;
      seen += expected;
    }
    EXPECT_EQ(view.RowsRead(committed), static_cast<double>(seen));
  }
}

TEST(WindowPolicy, Borders) {
  WindowPolicy policy(4, 8);
  EXPECT_EQ(policy.name(), "window");
  EXPECT_TRUE(policy.View(0).full());
  EXPECT_TRUE(policy.View(8).full()) << "the recent rows are all rows";
  EXPECT_EQ(policy.View(10).RowsRead(10), 10) << "the sink is cut where the tail begins";
  EXPECT_EQ(policy.View(12).RowsRead(12), 12);
  EXPECT_EQ(policy.View(13).RowsRead(13), 12);
  EXPECT_EQ(policy.View(13).tail_begin(), 5);
  WindowPolicy no_sink(0, 3);
  EXPECT_TRUE(no_sink.View(9).Layer(0)[0].ranges.empty());
}

TEST(WindowPolicyDeath, SizesAreChecked) {
  EXPECT_DEATH(WindowPolicy(-1, 3), "sink -1 recent 3");
  EXPECT_DEATH(WindowPolicy(0, 0), "sink 0 recent 0");
}

}  // namespace
}  // namespace longshot
