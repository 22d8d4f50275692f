// labels: unit
#include "retrieval/html_text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/utf8.h"

namespace longshot {
namespace {

TEST(HtmlText, APageBecomesItsText) {
  EXPECT_EQ(HtmlText("<!DOCTYPE html>\n<html><head><title>The  title</title>\n"
                     "<style>p { color: red }</style><script>if (a < b) write('<p>no</p>');</script></head>\n"
                     "<body><h1>Heading</h1>\n<p>One <b>bold</b>\nword.<br>Next line.</p><!-- <p>no</p> -->"
                     "<ul><li>first</li>\n<li>second</li></ul><div>a</div><div>b</div></body></html>\n"),
            "The title\n\nHeading\n\nOne bold word.\nNext line.\n\nfirst\nsecond\n\na\nb");
}

TEST(HtmlText, TablesKeepTheirCellsApart) {
  EXPECT_EQ(HtmlText("<table><tr><th>name</th><th>value</th></tr> <tr><td>a</td> <td>1</td></tr></table>after"),
            "name\tvalue\na\t1\n\nafter");
}

TEST(HtmlText, PreformattedTextStaysAsItIs) {
  EXPECT_EQ(HtmlText("see<pre>\n  a &lt;\r\n\n    <i>b</i>\n</pre>then  this"), "see\n\n  a <\r\n\n    b\n\nthen this");
  EXPECT_EQ(HtmlText("</pre>a  b"), "a b");
}

TEST(HtmlText, ReferencesAreDecoded) {
  EXPECT_EQ(HtmlText("a&nbsp;b &lt;tag&gt; &amp;amp; &#x20AC;&eacute; AT&T &unknown; &"),
            "a b <tag> &amp; \u20ac\u00e9 AT&T &unknown; &");
  EXPECT_EQ(HtmlText("a&#32;&#10; b"), "a b");
}

TEST(HtmlText, LineBreaksAddUp) {
  EXPECT_EQ(HtmlText("a<br>b<br><br>c<p>d"), "a\nb\n\nc\n\nd");
  EXPECT_EQ(HtmlText("<p>\n<p>\n<div>a</div> \n </p></p>"), "a");
}

TEST(HtmlText, TagsEndWhereBrowsersEndThem) {
  EXPECT_EQ(HtmlText("<a href='x>y' title=\"a>b\">link</a>"), "link");
  EXPECT_EQ(HtmlText("<p it's>a</p>"), "a");
  EXPECT_EQ(HtmlText("<a b=c'd>e"), "e");
  EXPECT_EQ(HtmlText("1 < 2 <3 <<b>x"), "1 < 2 <3 <x");
  EXPECT_EQ(HtmlText("a</ b>c<?php d ?>e<!x>f</>g"), "acefg");
  EXPECT_EQ(HtmlText("<SCRIPT type=x>a</scripts></script x>b<Style>c</STYLE>d"), "bd");
  EXPECT_EQ(HtmlText("a<!-->b<!--->c<!-- x --!>d<!--!>e-->f<!---->g"), "abcdfg");
}

TEST(HtmlText, WhatIsLeftOpenLastsUntilTheEnd) {
  for (const char* open : {"<b", "<b c='", "<!-- c", "<!", "</", "<script>c</scrip", "<style>c", "<b c=\"<p>"}) {
    EXPECT_EQ(HtmlText(std::string("text") + open), "text") << open;
  }
  EXPECT_EQ(HtmlText("text<"), "text<");
  EXPECT_EQ(HtmlText(""), "");
}

/// Each would take hours if anything were looked for from every place again.
TEST(HtmlText, HostilePagesTakeLinearTime) {
  for (const char* part : {"<",        "<!--",     "<!-- --", "<!---->", "<!",  "</",   "<b",      "<b x='",
                           "<script>", "</script", "&",       "&#0",     "&#x", "&amp", "<pre>\n", "<script></script>",
                           "<br>",     "--",       "<p>",     "<td>"}) {
    std::string page;
    while (page.size() < 1'000'000) page += part;
    EXPECT_LE(HtmlText(page).size(), page.size()) << part;
  }
}

TEST(HtmlText, AnyBytesAreTaken) {
  const std::vector<std::string> parts = {"<",    ">",        "/",      "!", "-",   "--",     "&",     "#", "x",
                                          "=",    "'",        "\"",     ";", "pre", "script", "p",     " ", "\n",
                                          "\xff", "\xe2\x82", "\u20ac", "9", "a",   "<b>",    "</pre>"};
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    std::mt19937_64 random(seed);
    std::string page;
    for (size_t n = random() % 40; n > 0; --n) page += parts[random() % parts.size()];
    const std::string text = HtmlText(page);
    ASSERT_LE(text.size(), page.size()) << "seed " << seed;
    ASSERT_EQ(text, HtmlText(page + "<i></i>").substr(0, text.size())) << "seed " << seed;
  }
}

}  // namespace
}  // namespace longshot
