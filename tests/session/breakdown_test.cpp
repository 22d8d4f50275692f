// labels: unit
#include "session/breakdown.h"

#include <nlohmann/json.hpp>

namespace longshot {
namespace {

/// 100 ms of prefill, 60 of them in operations, and 10 ms of scores, all of it.
Breakdown Example() {
  Breakdown breakdown;
  OperationCosts& prefill = breakdown.of(Phase::kPrefill);
  prefill[static_cast<size_t>(Operation::kQkvProduct)] = {.calls = 30, .ms = 20, .work = {.bytes = 1e8, .flops = 4e9}};
  prefill[static_cast<size_t>(Operation::kAttention)] = {.calls = 30, .ms = 40, .work = {.bytes = 2e8, .flops = 1e9}};
  breakdown.of(Phase::kScore)[static_cast<size_t>(Operation::kRope)] = {.calls = 2, .ms = 10, .work = {.bytes = 5e6}};
  return breakdown;
}

constexpr PhaseTimes kTimes{.prefill = 100, .draft = 3, .score = 10};

TEST(Breakdown, TableHasTheDearestFirstAndWhatIsLeftLast) {
  // Roofs: 10 GB/s and 250 GFLOP/s. The product's 16 ms of flops outweigh its 10 ms of bytes; attention's 20 ms of
  // bytes its 4 ms of flops.
  EXPECT_EQ(Example().Table(kTimes, {.bytes_per_ms = 1e7, .flops_per_ms = 2.5e8}),
            "prefill_target: 100.0 ms\n"
            "  operation                   calls         ms    share     GB/s   GFLOP/s    roof\n"
            "  attention                      30      40.00   40.0 %      5.0      25.0    0.50\n"
            "  q/k/v product                  30      20.00   20.0 %      5.0     200.0    0.80\n"
            "  outside operations                     40.00   40.0 %\n"
            "score: 10.0 ms\n"
            "  operation                   calls         ms    share     GB/s   GFLOP/s    roof\n"
            "  RoPE                            2      10.00  100.0 %      0.5         -       -\n"
            "  outside operations                      0.00        -");
}

TEST(Breakdown, RoofsThatWereNotProbedAreLeftOut) {
  const std::string table = Example().Table(kTimes, {});
  EXPECT_NE(table.find("attention                      30      40.00   40.0 %      5.0      25.0       -\n"),
            std::string::npos)
      << table;
  const nlohmann::json json = Example().ToJson(kTimes, {});
  EXPECT_FALSE(json["phases"]["prefill_target"]["operations"][0].contains("roof_fraction")) << json;
}

TEST(Breakdown, JsonHoldsTheSameNumbers) {
  const nlohmann::json json = Example().ToJson(kTimes, {.bytes_per_ms = 1e7, .flops_per_ms = 2.5e8});
  EXPECT_EQ(json["roofs"], (nlohmann::json{{"bytes_per_ms", 1e7}, {"flops_per_ms", 2.5e8}}));
  EXPECT_EQ(json["phases"].size(), 2u) << "phases without operations are left out";
  const nlohmann::json& prefill = json["phases"]["prefill_target"];
  EXPECT_EQ(prefill["ms"], 100);
  EXPECT_EQ(prefill["outside_operations_ms"], 40);
  EXPECT_EQ(prefill["operations"][0], (nlohmann::json{{"operation", "attention"},
                                                      {"calls", 30},
                                                      {"ms", 40.0},
                                                      {"bytes", 2e8},
                                                      {"flops", 1e9},
                                                      {"gb_per_s", 5.0},
                                                      {"gflop_per_s", 25.0},
                                                      {"roof_fraction", 0.5}}));
  EXPECT_EQ(prefill["operations"][1]["operation"], "q/k/v product");
}

TEST(Breakdown, NothingCountedIsNothingTold) {
  EXPECT_EQ(Breakdown().Table(kTimes, {}), "");
  EXPECT_TRUE(Breakdown().ToJson(kTimes, {})["phases"].empty());
}

}  // namespace
}  // namespace longshot
