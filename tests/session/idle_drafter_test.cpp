#include "session/idle_drafter.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

TEST(IdleDrafter, EveryPassHasItsReason) {
  EXPECT_EQ(ExplainIdleDrafter("copy", {.no_candidate = 9}, 10),
            "copy proposed nothing in 10 passes: no match in 9, no token left to draft in 1; this was plain decoding");
  EXPECT_EQ(ExplainIdleDrafter("window", {.would_not_pay = 3, .below_n_min = 4}, 7),
            "window proposed nothing in 7 passes: not expected to pay in 3, fewer tokens than --spec-draft-n-min in 4; "
            "this was plain decoding");
}

TEST(IdleDrafter, ChoicesAreCountedAndExplained) {
  const std::vector<ArmRounds> arms{{.name = "copy", .rounds = 4, .drafted = 20, .accepted = 9}, {.name = "window"}};
  EXPECT_EQ(ExplainChoices("auto", arms, {.would_not_pay = 5}, 10),
            "auto took copy in 4 of 10 passes (9 tokens accepted), window in 0; plain decoding in 6: not expected to "
            "pay in 5, no token left to draft in 1");
  EXPECT_EQ(ExplainChoices("copy,window", arms, {}, 4),
            "copy,window took copy in 4 of 4 passes (9 tokens accepted), window in 0; plain decoding in 0");
}

}  // namespace
}  // namespace longshot
