#include "runtime/config/fields.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace longshot {
namespace {

struct Sample {
  bool loud = false;
  int64_t rows = 4;
  double heat = 0.5;
  std::string kind = "plain";
  std::vector<std::string> words;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "loud", .flags = "--loud"}, self.loud);
    visit(Field{.name = "rows", .flags = "-r,--rows", .minimum = 1, .maximum = 64, .unit = "tokens"}, self.rows);
    visit(Field{.name = "heat", .flags = "--heat", .minimum = 0}, self.heat);
    visit(Field{.name = "kind", .flags = "--kind", .choices = {"plain", "fancy"}}, self.kind);
    visit(Field{.name = "words", .flags = "--word"}, self.words);
  }
};

std::string MessageOf(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string SetMessage(Sample& sample, size_t field, std::string_view text) {
  return MessageOf([&] { SetField(BindFields(sample)[field], text, "--flag"); });
}

TEST(Fields, JsonRoundTripKeepsEveryValueAndTheHash) {
  Sample sample{true, 7, 1.25, "fancy", {"a", "b,c", ""}};
  const nlohmann::json json = ToJson(BindFields(sample));
  Sample copy;
  FromJson(json, BindFields(copy));
  EXPECT_EQ(copy.loud, true);
  EXPECT_EQ(copy.rows, 7);
  EXPECT_EQ(copy.heat, 1.25);
  EXPECT_EQ(copy.kind, "fancy");
  EXPECT_EQ(copy.words, sample.words);
  EXPECT_EQ(ConfigHash(ToJson(BindFields(copy))), ConfigHash(json));
  copy.rows = 8;
  EXPECT_NE(ConfigHash(ToJson(BindFields(copy))), ConfigHash(json));
}

TEST(Fields, HashIgnoresTheOrderOfKeys) {
  EXPECT_EQ(ConfigHash(nlohmann::json::parse(R"({"a":1,"b":[2]})")),
            ConfigHash(nlohmann::json::parse(R"({ "b": [2], "a": 1 })")));
}

TEST(Fields, TextIsCheckedWholly) {
  Sample sample;
  EXPECT_EQ(SetMessage(sample, 1, "12"), "no error");
  EXPECT_EQ(sample.rows, 12);
  EXPECT_EQ(SetMessage(sample, 1, "12x"), "--flag: expected a whole number from 1 to 64 (tokens), got '12x'");
  EXPECT_EQ(SetMessage(sample, 1, ""), "--flag: expected a whole number from 1 to 64 (tokens), got ''");
  EXPECT_EQ(SetMessage(sample, 1, "65"), "--flag: expected a whole number from 1 to 64 (tokens), got '65'");
  EXPECT_EQ(SetMessage(sample, 1, "99999999999999999999"),
            "--flag: expected a whole number from 1 to 64 (tokens), got '99999999999999999999'");
  EXPECT_EQ(SetMessage(sample, 2, "-1"), "--flag: expected a number of at least 0, got '-1'");
  EXPECT_EQ(SetMessage(sample, 2, "nan"), "--flag: expected a number of at least 0, got 'nan'");
  EXPECT_EQ(SetMessage(sample, 2, "inf"), "--flag: expected a number of at least 0, got 'inf'");
  EXPECT_EQ(SetMessage(sample, 3, "odd\n"), "--flag: expected one of plain, fancy, got 'odd\\n'");
  EXPECT_EQ(sample.rows, 12) << "a refused value changes nothing";
}

TEST(Fields, UnknownKeyNamesTheNearest) {
  Sample sample;
  EXPECT_EQ(MessageOf([&] {
              FromJson({{"rwos", 3}}, BindFields(sample));
            }),
            "unknown key 'rwos'; the nearest known one is 'rows'");
}

TEST(Fields, JsonOfAnotherTypeIsAnError) {
  Sample sample;
  const auto message = [&](const nlohmann::json& json) {
    return MessageOf([&] { FromJson(json, BindFields(sample)); });
  };
  EXPECT_EQ(message({{"rows", 2.5}}), "rows: expected a whole number from 1 to 64 (tokens), got '2.5'");
  EXPECT_EQ(message({{"rows", true}}), "rows: expected a whole number from 1 to 64 (tokens), got 'true'");
  EXPECT_EQ(message({{"loud", 1}}), "loud: expected true or false, got '1'");
  EXPECT_EQ(message({{"words", "a"}}), "words: expected a list of texts, got '\"a\"'");
  EXPECT_EQ(message(nlohmann::json::array({1})), "expected a block of keys, got '[1]'");
  EXPECT_EQ(message({{"heat", 2}}), "no error");
  EXPECT_EQ(sample.heat, 2.0);
}

TEST(Fields, CheckFindsValuesSetInCode) {
  Sample sample;
  sample.heat = std::nan("");
  EXPECT_EQ(MessageOf([&] { CheckFields(BindFields(sample)); }), "heat: expected a number of at least 0, got 'nan'");
}

TEST(Fields, TheBoundsOfWholeNumbersAreExact) {
  int64_t value = 0;
  const BoundField bound{Field{.name = "seed", .flags = "", .minimum = -1, .maximum = 9007199254740992.0}, &value};
  SetField(bound, "9007199254740992", "-s");
  EXPECT_EQ(value, 9007199254740992);
  EXPECT_THROW(SetField(bound, "9007199254740993", "-s"), Error);
  EXPECT_THROW(SetField(bound, "-2", "-s"), Error);
  const BoundField open{Field{.name = "any", .flags = ""}, &value};
  SetField(open, "9223372036854775807", "-s");
  EXPECT_EQ(value, std::numeric_limits<int64_t>::max());
  SetField(open, "-9223372036854775808", "-s");
  EXPECT_EQ(value, std::numeric_limits<int64_t>::min());
}

}  // namespace
}  // namespace longshot
