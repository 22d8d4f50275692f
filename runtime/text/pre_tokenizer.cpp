#include "runtime/text/pre_tokenizer.h"

#include <array>

#include "core/error.h"
#include "core/utf8.h"

namespace longshot {
namespace {

// White space as Unicode lists it. PCRE2's own \s adds U+180E, which the tokenizers' libraries do not.
#define SPACES "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define SPACE "[" SPACES "]"
#define OTHER "[^" SPACES "\\p{L}\\p{N}]"
#define WORDS_OF_GPT4(digits)                                                                                        \
  "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?" OTHER "+[\\r\\n]*|" SPACE \
  "*[\\r\\n]+|" SPACE "+(?=" SPACE "|\\z)|" SPACE "+"

// The published patterns. `\s+(?!\S)` is written as its equal "white space before white space or the end",
// and case-insensitive contractions are spelled out in ASCII, as llama.cpp reads them.
constexpr const char* kDigit = "\\p{N}";
constexpr const char* kGpt2 =
    "'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?" OTHER "+|" SPACE "+(?=" SPACE "|\\z)|" SPACE "+";
constexpr const char* kLlama3 = WORDS_OF_GPT4("\\p{N}{1,3}");
constexpr const char* kQwen2 = WORDS_OF_GPT4("\\p{N}");

#undef WORDS_OF_GPT4
#undef OTHER
#undef SPACE
#undef SPACES

constexpr std::array<std::string_view, 5> kNames = {"gpt-2", "smollm", "starcoder", "llama-bpe", "qwen2"};

std::string_view Canonical(std::string_view name) {
  if (name == "llama3" || name == "llama-v3") return "llama-bpe";
  if (name == "deepseek-r1-qwen") return "qwen2";
  return name;
}

}  // namespace

std::span<const std::string_view> PreTokenizerNames() { return kNames; }

PreTokenizer::PreTokenizer(std::string_view name) {
  const std::string_view canonical = Canonical(name);
  if (canonical == "gpt-2") {
    stages_.emplace_back(kGpt2);
  } else if (canonical == "smollm" || canonical == "starcoder") {
    stages_.emplace_back(kDigit);
    stages_.emplace_back(kGpt2);
  } else if (canonical == "llama-bpe") {
    stages_.emplace_back(kLlama3);
    ignores_merges_ = true;
  } else if (canonical == "qwen2") {
    stages_.emplace_back(kQwen2);
  } else {
    Throw(ErrorCode::kUnsupported,
          "pre-tokenizer \"{}\" is not supported (supported: {}); use a model whose file names one of these", name,
          fmt::join(kNames, ", "));
  }
}

std::vector<std::string_view> PreTokenizer::Split(std::string_view text) const {
  std::vector<std::string_view> words;
  words.reserve(text.size() / 4);
  while (!text.empty()) {
    const size_t valid = ValidPrefix(text);
    if (valid > 0) SplitValid(text.substr(0, valid), words);
    text.remove_prefix(valid);
    size_t invalid = 0;
    while (invalid < text.size() && CodePointLength(text.substr(invalid, 4)) == 0) ++invalid;
    if (invalid > 0) words.push_back(text.substr(0, invalid));
    text.remove_prefix(invalid);
  }
  return words;
}

void PreTokenizer::SplitValid(std::string_view text, std::vector<std::string_view>& out) const {
  if (stages_.size() == 1) return stages_[0].Split(text, out);
  std::vector<std::string_view> parts;
  stages_[0].Split(text, parts);
  for (std::string_view part : parts) stages_[1].Split(part, out);
}

}  // namespace longshot
