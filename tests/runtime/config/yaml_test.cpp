// labels: unit
#include "runtime/config/yaml.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "core/error.h"
#include "tests/draws.h"

namespace longshot {
namespace {

struct Settings {
  bool on = false;
  int64_t count = 3;
  double share = 0.5;
  std::string name = "x";
  std::vector<std::string> stops = {"old"};

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "on", .flags = ""}, self.on);
    visit(Field{.name = "count", .flags = "", .minimum = 0, .maximum = 10}, self.count);
    visit(Field{.name = "share", .flags = "", .minimum = 0, .maximum = 1}, self.share);
    visit(Field{.name = "name", .flags = "", .choices = {"x", "y"}}, self.name);
    visit(Field{.name = "stops", .flags = ""}, self.stops);
  }
};

/// The error of reading `text` into `Settings`; empty: there is none.
std::string ErrorOf(const std::string& text) {
  try {
    const YamlFile file = ParseYaml("s.yaml", text);
    Settings settings;
    FromYaml(file, file.root, BindFields(settings));
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Yaml, SetsFieldsOfEveryKind) {
  const YamlFile file = ParseYaml("s.yaml", "on: true\ncount: 7\nshare: 0.25\nname: y\nstops: [a, 'b c']\n");
  Settings settings;
  FromYaml(file, file.root, BindFields(settings));
  EXPECT_TRUE(settings.on);
  EXPECT_EQ(settings.count, 7);
  EXPECT_EQ(settings.share, 0.25);
  EXPECT_EQ(settings.name, "y");
  EXPECT_EQ(settings.stops, (std::vector<std::string>{"a", "b c"}));
}

TEST(Yaml, ReadsJson) {
  EXPECT_EQ(ErrorOf(R"({"on": false, "count": 2, "share": 1e-05, "name": "y", "stops": ["a\"b"]})"), "");
}

TEST(Yaml, NamesLineColumnAndTheNearestKey) {
  EXPECT_EQ(ErrorOf("on: true\ncuont: 1\n"), "s.yaml:2:1: unknown key 'cuont'; the nearest known one is 'count'");
  EXPECT_EQ(ErrorOf("on: true\n\ncount: 11\n"), "s.yaml:3:8: count: expected a whole number from 0 to 10, got '11'");
  EXPECT_EQ(ErrorOf("count: many"), "s.yaml:1:8: count: expected a whole number from 0 to 10, got 'many'");
  EXPECT_EQ(ErrorOf("name: z"), "s.yaml:1:7: name: expected one of x, y, got 'z'");
  EXPECT_EQ(ErrorOf("count: [1, 2]"), "s.yaml:1:8: count: expected one value, got a list");
  EXPECT_EQ(ErrorOf("count:\n"), "s.yaml:1:1: count: expected one value, got nothing");
  EXPECT_EQ(ErrorOf("count: 1\non: true\ncount: 2\n"),
            "s.yaml:3:1: key 'count' stands twice in this block; its first value is in line 1");
  EXPECT_EQ(ErrorOf("- 1\n- 2\n"), "s.yaml:1:1: expected a block of keys, got a list");
}

TEST(Yaml, RefusesWhatItDoesNotTake) {
  EXPECT_NE(ErrorOf("a: &x 1\nb: *x\n").find("anchors and aliases"), std::string::npos);
  EXPECT_NE(ErrorOf("on: true\n---\non: false\n").find("more than one document"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string("on: true\0", 9)).find("zero byte"), std::string::npos);
  EXPECT_EQ(ErrorOf("on: true\nname: \xff\n"), "s.yaml:2: holds a byte that is not UTF-8");
  EXPECT_EQ(ErrorOf("on: true\n# \xe2\x82\xac \xc3\xa4\n"), "");
  EXPECT_NE(ErrorOf("? [1, 2]\n: 3\n").find("expected a key"), std::string::npos);
  EXPECT_NE(ErrorOf(std::string(kMostYamlBytes + 1, ' ')).find("at most"), std::string::npos);
  EXPECT_NE(ErrorOf("a: " + std::string(100, '[') + std::string(100, ']')).find("nested deeper"), std::string::npos);
  std::string many = "a: [";
  for (int64_t i = 0; i <= kMostYamlValues; ++i) many += "1,";
  EXPECT_NE(ErrorOf(many + "]").find("more than"), std::string::npos);
}

TEST(Yaml, AliasBombEndsAtItsFirstAnchor) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'j'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ", *" + char(c - 1) + "]\n";
  EXPECT_NE(ErrorOf(bomb).find("s.yaml:1:4: anchors and aliases"), std::string::npos) << ErrorOf(bomb);
}

TEST(Yaml, AnyBytesGiveAValueOrAnError) {
  const std::string valid = "on: true\ncount: 7\nshare: 0.25\nname: y\nstops: [a, 'b c', \"d\"]\n# end\n";
  const std::string alphabet = ":-[]{},#&*!|>'\"%@`?\n\t \\~ax0\xff\xc3";
  Draws draws(11);
  int refused = 0;
  constexpr int kTries = 3000;
  for (int i = 0; i < kTries; ++i) {
    std::string text = valid;
    for (int64_t edits = 1 + draws.Below(6); edits > 0; --edits) {
      const size_t at = static_cast<size_t>(draws.Below(std::ssize(text)));
      const int64_t kind = draws.Below(3);
      if (kind == 0) text[at] = alphabet[static_cast<size_t>(draws.Below(std::ssize(alphabet)))];
      if (kind == 1) text.insert(at, 1, alphabet[static_cast<size_t>(draws.Below(std::ssize(alphabet)))]);
      if (kind == 2) text.erase(at, 1 + static_cast<size_t>(draws.Below(4)));
    }
    const std::string error = ErrorOf(text);
    refused += !error.empty();
    EXPECT_TRUE(error.empty() || error.starts_with("s.yaml:")) << text << "\n" << error;
  }
  EXPECT_GT(refused, kTries / 4);
}

}  // namespace
}  // namespace longshot
