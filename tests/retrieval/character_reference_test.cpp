// labels: unit
#include "retrieval/character_reference.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace longshot {
namespace {

/// "CODE POINT/LENGTH".
std::string Parsed(std::string_view text) {
  const CharacterReference reference = ParseCharacterReference(text);
  return fmt::format("{}/{}", reference.code_point, reference.length);
}

TEST(CharacterReference, NamesNeedTheirSemicolon) {
  EXPECT_EQ(Parsed("&amp; more"), "38/5");
  EXPECT_EQ(Parsed("&apos;"), "39/6");
  EXPECT_EQ(Parsed("&Auml;"), "196/6");
  EXPECT_EQ(Parsed("&auml;"), "228/6");
  EXPECT_EQ(Parsed("&thetasym;"), "977/10");
  EXPECT_EQ(Parsed("&zwnj;"), "8204/6");
  for (const char* none : {"", "&", "&;", "& amp;", "&amp", "&AMP;", "&unknown;", "&thetasyms;", "amp;", "&am\xff;"}) {
    EXPECT_EQ(Parsed(none), "0/0") << none;
  }
}

TEST(CharacterReference, NumbersMayLackIt) {
  EXPECT_EQ(Parsed("&#65;"), "65/5");
  EXPECT_EQ(Parsed("&#65x"), "65/4");
  EXPECT_EQ(Parsed("&#x1F600;"), "128512/9");
  EXPECT_EQ(Parsed("&#X1f600;"), "128512/9");
  EXPECT_EQ(Parsed("&#146;"), "8217/6") << "an apostrophe in Windows-1252";
  for (const char* none : {"&#", "&#;", "&#x", "&#x;", "&#xg;", "&#a;"}) EXPECT_EQ(Parsed(none), "0/0") << none;
}

TEST(CharacterReference, WhatIsNoCodePointIsReplaced) {
  EXPECT_EQ(Parsed("&#0;"), "65533/4");
  EXPECT_EQ(Parsed("&#xD800;"), "65533/8");
  EXPECT_EQ(Parsed("&#x110000;"), "65533/10");
  EXPECT_EQ(Parsed("&#99999999999999999999999999;"), "65533/29");
}

}  // namespace
}  // namespace longshot
