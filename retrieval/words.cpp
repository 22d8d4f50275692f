#include "retrieval/words.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "core/utf8.h"

namespace longshot {
namespace {

struct CodeRange {
  uint32_t first, last;
};

/// What separates words past ASCII: punctuation, symbols, spaces, private use. Ascending.
constexpr CodeRange kSeparators[] = {
    {0x80, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB9},     {0xBB, 0xBF},      {0xD7, 0xD7},     {0xF7, 0xF7},
    {0x37E, 0x37E},   {0x387, 0x387},   {0x55A, 0x55F},   {0x589, 0x58A},    {0x5BE, 0x5BE},   {0x5C0, 0x5C0},
    {0x5C3, 0x5C3},   {0x5F3, 0x5F4},   {0x60C, 0x60D},   {0x61B, 0x61F},    {0x66A, 0x66D},   {0x6D4, 0x6D4},
    {0x964, 0x965},   {0x970, 0x970},   {0xE4F, 0xE4F},   {0xE5A, 0xE5B},    {0x104A, 0x104F}, {0x10FB, 0x10FB},
    {0x1361, 0x1368}, {0x1680, 0x1680}, {0x17D4, 0x17DA}, {0x2000, 0x206F},  {0x20A0, 0x20CF}, {0x2190, 0x2BFF},
    {0x2E00, 0x2E7F}, {0x3000, 0x3004}, {0x3008, 0x3030}, {0x303D, 0x303F},  {0x30A0, 0x30A0}, {0x30FB, 0x30FB},
    {0xE000, 0xF8FF}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F}, {0xFEFF, 0xFEFF},  {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20},
    {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF}};

/// Scripts without spaces, one code point a word.
constexpr CodeRange kIdeographs[] = {{0x2E80, 0x2FDF}, {0x3005, 0x3007}, {0x3031, 0x303C},
                                     {0x3041, 0x30FF}, {0x31F0, 0x31FF}, {0x3400, 0x4DBF},
                                     {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};

template <size_t N>
bool Contains(const CodeRange (&ranges)[N], uint32_t code) {
  const auto* at = std::lower_bound(std::begin(ranges), std::end(ranges), code,
                                    [](const CodeRange& range, uint32_t c) { return range.last < c; });
  return at != std::end(ranges) && code >= at->first;
}

bool IsAsciiLetter(uint32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsSeparator(uint32_t c) {
  if (c < 0x80) return !IsAsciiLetter(c) && !(c >= '0' && c <= '9');
  return Contains(kSeparators, c);
}

/// How a range of capitals becomes small: by adding `delta`, or, if that is 0, capitals of the parity of `first` by 1.
struct CaseRange {
  uint32_t first, last;
  int32_t delta;
};

constexpr CaseRange kCases[] = {{'A', 'Z', 32},
                                {0xC0, 0xD6, 32},
                                {0xD8, 0xDE, 32},
                                {0x100, 0x12F, 0},
                                {0x130, 0x130, 'i' - 0x130},
                                {0x132, 0x137, 0},
                                {0x139, 0x148, 0},
                                {0x14A, 0x177, 0},
                                {0x178, 0x178, -121},
                                {0x179, 0x17E, 0},
                                {0x386, 0x386, 38},
                                {0x388, 0x38A, 37},
                                {0x38C, 0x38C, 64},
                                {0x38E, 0x38F, 63},
                                {0x391, 0x3AB, 32},
                                {0x3C2, 0x3C2, 1},
                                {0x400, 0x40F, 80},
                                {0x410, 0x42F, 32},
                                {0x460, 0x481, 0},
                                {0x48A, 0x4BF, 0},
                                {0x4C1, 0x4CE, 0},
                                {0x4D0, 0x52F, 0},
                                {0x531, 0x556, 48},
                                {0x1E00, 0x1E95, 0},
                                {0x1E9E, 0x1E9E, 0xDF - 0x1E9E},
                                {0x1EA0, 0x1EFF, 0},
                                {0xFF10, 0xFF19, -0xFEE0},
                                {0xFF21, 0xFF3A, 0x61 - 0xFF21},
                                {0xFF41, 0xFF5A, -0xFEE0}};

uint32_t Lower(uint32_t code) {
  const auto* at = std::lower_bound(std::begin(kCases), std::end(kCases), code,
                                    [](const CaseRange& range, uint32_t c) { return range.last < c; });
  if (at == std::end(kCases) || code < at->first) return code;
  if (at->delta != 0) return static_cast<uint32_t>(static_cast<int32_t>(code) + at->delta);
  return code + ((code - at->first) % 2 == 0 ? 1 : 0);
}

constexpr std::string_view kStopWords[] = {
    "a",      "about",  "after", "all",   "an",    "and",  "any",   "are",  "as",    "at",   "be",    "been",
    "before", "but",    "by",    "can",   "could", "did",  "do",    "does", "for",   "from", "had",   "has",
    "have",   "he",     "her",   "him",   "his",   "how",  "i",     "if",   "in",    "into", "is",    "it",
    "its",    "many",   "me",    "much",  "my",    "no",   "not",   "of",   "on",    "or",   "our",   "s",
    "she",    "should", "so",    "such",  "t",     "than", "that",  "the",  "their", "them", "then",  "there",
    "these",  "they",   "this",  "those", "to",    "was",  "we",    "were", "what",  "when", "where", "which",
    "who",    "whom",   "whose", "why",   "will",  "with", "would", "you",  "your"};

static_assert(std::is_sorted(std::begin(kStopWords), std::end(kStopWords)));

/// A word being stemmed, with the paper's terms: a stem is [C](VC)^m[V].
class PorterWord {
 public:
  explicit PorterWord(std::string_view word) : word_(word) {}

  std::string Stem() {
    Plural();
    Participle();
    if (EndsWith("y") && HasVowel(word_.size() - 1)) word_.back() = 'i';
    Replace(kStep2, 0);
    Replace(kStep3, 0);
    Replace(kStep4, 1);
    FinalLetters();
    return word_;
  }

 private:
  struct Rule {
    std::string_view suffix, replacement;
  };
  /// Where one suffix ends another, the longer one stands first.
  static constexpr Rule kStep2[] = {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
                                    {"izer", "ize"},    {"abli", "able"},   {"alli", "al"},     {"entli", "ent"},
                                    {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
                                    {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
                                    {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"}};
  static constexpr Rule kStep3[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                                    {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
  static constexpr Rule kStep4[] = {{"al", ""},   {"ance", ""},  {"ence", ""},  {"er", ""},    {"ic", ""},
                                    {"able", ""}, {"ible", ""},  {"ant", ""},   {"ement", ""}, {"ment", ""},
                                    {"ent", ""},  {"sion", "s"}, {"tion", "t"}, {"ou", ""},    {"ism", ""},
                                    {"ate", ""},  {"iti", ""},   {"ous", ""},   {"ive", ""},   {"ize", ""}};

  bool IsConsonant(size_t i) const {
    if (word_[i] == 'y') return i == 0 || !IsConsonant(i - 1);
    return std::string_view("aeiou").find(word_[i]) == std::string_view::npos;
  }
  /// m of the first `length` letters.
  int Measure(size_t length) const {
    int measure = 0;
    for (size_t i = 1; i < length; ++i) measure += !IsConsonant(i - 1) && IsConsonant(i) ? 1 : 0;
    return measure;
  }
  bool HasVowel(size_t length) const {
    for (size_t i = 0; i < length; ++i) {
      if (!IsConsonant(i)) return true;
    }
    return false;
  }
  bool EndsWith(std::string_view suffix) const { return word_.ends_with(suffix); }
  /// *d: ends with a double consonant.
  bool EndsDouble() const {
    const size_t n = word_.size();
    return n >= 2 && word_[n - 1] == word_[n - 2] && IsConsonant(n - 1);
  }
  /// *o: the first `length` letters end consonant, vowel, consonant, the last one not w, x or y.
  bool EndsShort(size_t length) const {
    if (length < 3 || !IsConsonant(length - 3) || IsConsonant(length - 2) || !IsConsonant(length - 1)) return false;
    return std::string_view("wxy").find(word_[length - 1]) == std::string_view::npos;
  }
  void Drop(size_t letters) { word_.erase(word_.size() - letters); }

  /// Step 1a.
  void Plural() {
    if (EndsWith("sses") || EndsWith("ies")) {
      Drop(2);
    } else if (EndsWith("s") && !EndsWith("ss")) {
      Drop(1);
    }
  }

  /// Step 1b.
  void Participle() {
    if (EndsWith("eed")) {
      if (Measure(word_.size() - 3) > 0) Drop(1);
      return;
    }
    const size_t suffix = EndsWith("ed") ? 2 : EndsWith("ing") ? 3 : 0;
    if (suffix == 0 || !HasVowel(word_.size() - suffix)) return;
    Drop(suffix);
    if (EndsWith("at") || EndsWith("bl") || EndsWith("iz")) {
      word_ += 'e';
    } else if (EndsDouble() && std::string_view("lsz").find(word_.back()) == std::string_view::npos) {
      Drop(1);
    } else if (Measure(word_.size()) == 1 && EndsShort(word_.size())) {
      word_ += 'e';
    }
  }

  /// Steps 2 to 4: the first suffix that matches is replaced if what is left of it has a larger m than `measure`.
  template <size_t N>
  void Replace(const Rule (&rules)[N], int measure) {
    for (const auto& [suffix, replacement] : rules) {
      if (!EndsWith(suffix)) continue;
      const size_t stem = word_.size() - suffix.size();
      const size_t kept = suffix == "sion" || suffix == "tion" ? 1 : 0;  // (*S or *T) ION: the letter is of the stem
      if (Measure(stem + kept) > measure) {
        Drop(suffix.size());
        word_ += replacement;
      }
      return;
    }
  }

  /// Step 5.
  void FinalLetters() {
    if (EndsWith("e")) {
      const size_t stem = word_.size() - 1;
      const int measure = Measure(stem);
      if (measure > 1 || (measure == 1 && !EndsShort(stem))) Drop(1);
    }
    if (EndsWith("ll") && Measure(word_.size()) > 1) Drop(1);
  }

  std::string word_;
};

constexpr size_t kLongestStemmed = 40;

}  // namespace

void ForEachWord(std::string_view text, const std::function<void(const std::string&)>& visit) {
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) visit(word);
    word.clear();
  };
  while (!text.empty()) {
    const int length = CodePointLength(text);
    const uint32_t code = length > 0 ? Lower(DecodeCodePoint(text)) : 0;
    text.remove_prefix(static_cast<size_t>(std::max(length, 1)));
    const bool alone = code >= 0x2E80 && Contains(kIdeographs, code);
    if (IsSeparator(code)) {
      end_word();
      continue;
    }
    if (alone) end_word();
    AppendCodePoint(code, word);
    if (alone) end_word();
  }
  end_word();
}

bool IsStopWord(std::string_view word) {
  return std::binary_search(std::begin(kStopWords), std::end(kStopWords), word);
}

std::string Stem(std::string_view word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (word.size() <= 2 || word.size() > kLongestStemmed || !plain) return std::string(word);
  return PorterWord(word).Stem();
}

}  // namespace longshot
