#include "core/utf8.h"

#include <gtest/gtest.h>

namespace longshot {
namespace {

TEST(Utf8, EveryCodePointIsReadAsItIsWritten) {
  for (uint32_t code_point = 0; code_point < 0x110000; ++code_point) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string text;
    AppendCodePoint(code_point, text);
    ASSERT_EQ(CodePointLength(text), static_cast<int>(text.size())) << code_point;
    ASSERT_EQ(DecodeCodePoint(text), code_point);
    for (size_t n = 1; n < text.size(); ++n) {
      ASSERT_EQ(CodePointLength(text.substr(0, n)), 0);
      ASSERT_TRUE(IsUnfinishedCodePoint(text.substr(0, n)));
    }
    ASSERT_FALSE(IsUnfinishedCodePoint(text));
  }
}

TEST(Utf8, RefusesWhatIsNotUtf8) {
  for (const char* bytes : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x28\xA1"}) {
    EXPECT_EQ(CodePointLength(bytes), 0);
    EXPECT_FALSE(IsUnfinishedCodePoint(bytes));
  }
  EXPECT_EQ(CodePointLength(""), 0);
  EXPECT_EQ(ValidPrefix("ab\xC3\xA9\xFFz"), 4u);
}

}  // namespace
}  // namespace longshot
