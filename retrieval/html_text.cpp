#include "retrieval/html_text.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "core/utf8.h"
#include "retrieval/character_reference.h"

namespace longshot {
namespace {

/// What stands between two pieces of text; of several in a row the largest counts.
enum class Gap : uint8_t { kNone, kSpace, kTab, kLine, kParagraph };
constexpr std::string_view kGaps[] = {"", " ", "\t", "\n", "\n\n"};

struct Element {
  std::string_view tag;
  Gap gap;  ///< before and behind it
};

/// Elements that are not part of a line. Sorted.
constexpr Element kElements[] = {{"address", Gap::kLine},     {"article", Gap::kParagraph},
                                 {"aside", Gap::kParagraph},  {"blockquote", Gap::kParagraph},
                                 {"body", Gap::kParagraph},   {"caption", Gap::kLine},
                                 {"center", Gap::kLine},      {"dd", Gap::kLine},
                                 {"details", Gap::kLine},     {"div", Gap::kLine},
                                 {"dl", Gap::kParagraph},     {"dt", Gap::kLine},
                                 {"fieldset", Gap::kLine},    {"figcaption", Gap::kLine},
                                 {"figure", Gap::kLine},      {"footer", Gap::kParagraph},
                                 {"form", Gap::kLine},        {"h1", Gap::kParagraph},
                                 {"h2", Gap::kParagraph},     {"h3", Gap::kParagraph},
                                 {"h4", Gap::kParagraph},     {"h5", Gap::kParagraph},
                                 {"h6", Gap::kParagraph},     {"head", Gap::kParagraph},
                                 {"header", Gap::kParagraph}, {"hr", Gap::kParagraph},
                                 {"li", Gap::kLine},          {"main", Gap::kParagraph},
                                 {"nav", Gap::kParagraph},    {"ol", Gap::kParagraph},
                                 {"option", Gap::kLine},      {"p", Gap::kParagraph},
                                 {"pre", Gap::kParagraph},    {"section", Gap::kParagraph},
                                 {"select", Gap::kLine},      {"summary", Gap::kLine},
                                 {"table", Gap::kParagraph},  {"tbody", Gap::kLine},
                                 {"td", Gap::kTab},           {"textarea", Gap::kLine},
                                 {"tfoot", Gap::kLine},       {"th", Gap::kTab},
                                 {"thead", Gap::kLine},       {"title", Gap::kParagraph},
                                 {"tr", Gap::kLine},          {"ul", Gap::kParagraph}};
static_assert(std::ranges::is_sorted(kElements, {}, &Element::tag));
constexpr size_t kLongestTag = 10;

Gap GapOf(std::string_view tag) {
  const auto found = std::ranges::lower_bound(kElements, tag, {}, &Element::tag);
  return found != std::end(kElements) && found->tag == tag ? found->gap : Gap::kNone;
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool IsLetter(char c) { return Lower(c) >= 'a' && Lower(c) <= 'z'; }
bool EndsTagName(char c) { return IsSpace(c) || c == '/' || c == '>'; }

/// Reads a page from front to back.
class HtmlReader {
 public:
  explicit HtmlReader(std::string_view html) : html_(html) {}

  std::string Read() {
    while (at_ < html_.size()) {
      const char c = html_[at_];
      if (c == '<') {
        ReadMarkup();
      } else if (c == '&') {
        ReadReference();
      } else {
        PutByte(c);
        ++at_;
      }
    }
    return std::move(text_);
  }

 private:
  char CharAt(size_t at) const { return at < html_.size() ? html_[at] : '\0'; }
  /// Moves behind what `at` finds, or to the end where it found nothing.
  void MoveBehind(size_t at, size_t length) { at_ = at == std::string_view::npos ? html_.size() : at + length; }

  void ReadMarkup() {
    const std::string_view rest = html_.substr(at_);
    const bool closes = rest.starts_with("</");
    if (rest.starts_with("<!--")) {
      SkipComment();
    } else if (IsLetter(CharAt(at_ + (closes ? 2 : 1)))) {
      ReadTag(closes);
    } else if (closes || rest.starts_with("<!") || rest.starts_with("<?")) {
      MoveBehind(html_.find('>', at_), 1);
    } else {
      PutByte('<');
      ++at_;
    }
  }

  /// "<!-->" is one, and "--!>" ends one, too.
  void SkipComment() {
    const size_t opening = at_ + 2;
    for (size_t dashes = opening; dashes != std::string_view::npos; dashes = html_.find("--", dashes + 1)) {
      const std::string_view rest = html_.substr(dashes + 2);
      if (rest.starts_with(">")) return MoveBehind(dashes + 2, 1);
      if (rest.starts_with("!>") && dashes > opening) return MoveBehind(dashes + 2, 2);
    }
    at_ = html_.size();
  }

  void ReadTag(bool closes) {
    const size_t name = at_ + (closes ? 2 : 1);
    size_t end = name;
    std::string tag;
    for (; end < html_.size() && !EndsTagName(html_[end]); ++end) {
      if (tag.size() <= kLongestTag) tag += Lower(html_[end]);
    }
    SkipAttributes(end);
    Apply(tag, closes);
  }

  /// Moves behind the tag's '>'; the value of an attribute may hold others in quotes.
  void SkipAttributes(size_t at) {
    bool starts_value = false;
    for (; at < html_.size() && html_[at] != '>'; ++at) {
      const char c = html_[at];
      if (starts_value && (c == '"' || c == '\'')) {
        at = html_.find(c, at + 1);
        starts_value = false;
        if (at == std::string_view::npos) break;
      } else if (!IsSpace(c)) {
        starts_value = c == '=';
      }
    }
    MoveBehind(at < html_.size() ? at : std::string_view::npos, 1);
  }

  void Apply(std::string_view tag, bool closes) {
    if (!closes && (tag == "script" || tag == "style")) return SkipRawText(tag);
    if (tag == "br") return Widen(gap_ >= Gap::kLine ? Gap::kParagraph : Gap::kLine);
    Widen(GapOf(tag));
    if (tag != "pre") return;
    if (closes) {
      preformatted_ -= preformatted_ > 0 ? 1 : 0;
      return;
    }
    ++preformatted_;
    if (html_.substr(at_).starts_with("\r\n")) ++at_;
    if (CharAt(at_) == '\n') ++at_;  // the first one is not part of it
  }

  /// Stops before the end tag, which ends no other way.
  void SkipRawText(std::string_view tag) {
    for (at_ = html_.find("</", at_); at_ != std::string_view::npos; at_ = html_.find("</", at_ + 2)) {
      const std::string_view name = html_.substr(at_ + 2, tag.size());
      const bool same = std::ranges::equal(name, tag, {}, Lower);
      if (same && (at_ + 2 + tag.size() >= html_.size() || EndsTagName(html_[at_ + 2 + tag.size()]))) return;
    }
    at_ = html_.size();
  }

  void ReadReference() {
    constexpr uint32_t kNoBreakSpace = 0xA0;
    const CharacterReference reference = ParseCharacterReference(html_.substr(at_));
    at_ += std::max<size_t>(reference.length, 1);
    if (reference.length == 0) return PutByte('&');
    if (reference.code_point < 0x80) return PutByte(static_cast<char>(reference.code_point));
    if (reference.code_point == kNoBreakSpace) return PutByte(' ');
    PutGap();
    AppendCodePoint(reference.code_point, text_);
  }

  void PutByte(char c) {
    if (IsSpace(c) && preformatted_ == 0) return Widen(Gap::kSpace);
    PutGap();
    text_ += c;
  }

  void Widen(Gap gap) { gap_ = std::max(gap_, gap); }

  /// None at the beginning; line breaks that end a <pre> count as part of the gap.
  void PutGap() {
    if (gap_ == Gap::kNone) return;
    while (gap_ >= Gap::kLine && text_.ends_with('\n')) text_.pop_back();
    if (!text_.empty()) text_ += kGaps[static_cast<size_t>(gap_)];
    gap_ = Gap::kNone;
  }

  std::string_view html_;
  size_t at_ = 0;
  std::string text_;
  Gap gap_ = Gap::kNone;
  int64_t preformatted_ = 0;  ///< open <pre> elements
};

}  // namespace

std::string HtmlText(std::string_view html) { return HtmlReader(html).Read(); }

}  // namespace longshot
