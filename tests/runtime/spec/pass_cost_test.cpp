#include "runtime/spec/pass_cost.h"

#include <gtest/gtest.h>

#include <array>

#include "core/error.h"

namespace longshot {
namespace {

std::string ErrorOf(std::string_view text) {
  try {
    PassCost::Parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(PassCost, IsLinearBetweenItsPointsAndGoesOnAlongTheLastPiece) {
  const PassCost cost = PassCost::Parse("2:1.5,16:1.5,17:3,33:5");
  EXPECT_EQ(cost(1), 1);
  EXPECT_EQ(cost(2), 1.5);
  EXPECT_EQ(cost(9), 1.5);
  EXPECT_EQ(cost(17), 3) << "the step of a tile";
  EXPECT_EQ(cost(25), 4);
  EXPECT_EQ(cost(49), 7);
  EXPECT_DEATH(cost(0), "0 rows");
}

TEST(PassCost, OneNumberIsALine) {
  EXPECT_DOUBLE_EQ(PassCost(0.25)(5), 2.0);
  EXPECT_EQ(PassCost(0.0)(100), 1.0);
}

TEST(PassCost, MeasuredTimesAreScaledAndNeverFall) {
  const std::array<PassCost::Point, 4> times{{{1, 10}, {2, 9}, {4, 14}, {8, 12}}};
  const PassCost cost(times);
  EXPECT_EQ(cost(2), 1) << "a smaller time for more rows is noise";
  EXPECT_DOUBLE_EQ(cost(4), 1.4);
  EXPECT_DOUBLE_EQ(cost(8), 1.4);
  const PassCost one{std::span<const PassCost::Point>(times).first(1)};
  EXPECT_EQ(one(7), 1);
}

TEST(PassCost, TextGivesTheSameCurveAgain) {
  const std::array<PassCost::Point, 3> times{{{1, 3}, {2, 3.1}, {16, 7.77}}};
  const std::string text = PassCost(times).ToText();
  EXPECT_EQ(text, "2:1.0333,16:2.59");
  EXPECT_EQ(PassCost::Parse(text).ToText(), text);
}

TEST(PassCost, WhatIsNoCurveIsRefused) {
  const std::string expected =
      "--spec-draft-pass-cost: expected at most 15 points ROWS:COST with ascending rows from 2 and costs from 1 that "
      "do "
      "not fall, such as 2:1.03,8:1.3; got \"";
  const std::string many = "2:1,3:1,4:1,5:1,6:1,7:1,8:1,9:1,10:1,11:1,12:1,13:1,14:1,15:1,16:1,17:1";
  for (const std::string& wrong :
       {std::string(), std::string("0.05"), std::string("2:"), std::string("1:1"), std::string("2:0.9"),
        std::string("4:2,3:3"), std::string("2:1.5,4:1.4"), std::string("2:nan"), std::string("2:inf"),
        std::string("2:1,"), std::string("2:1 ,3:2"), std::string("2:1e9"), many}) {
    EXPECT_EQ(ErrorOf(wrong), expected + wrong + "\"");
  }
}

}  // namespace
}  // namespace longshot
