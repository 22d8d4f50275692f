// Fuzzes tokenizer.json and tokenizer_config.json: every input is read as both.
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "runtime/text/vocabulary_files.h"
#include "tests/fuzz/mutation.h"
#include "tests/fuzz/tokenizer_round_trip.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace longshot {
namespace {

using nlohmann::json;

/// Brackets open at the deepest place, counted without parsing.
size_t Nesting(const std::string& text) {
  size_t depth = 0, deepest = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return deepest;
}

/// A value somewhere in the document; containers are entered more often than taken.
json& Choose(json& value, Mutation& m) {
  if (!value.is_structured() || value.empty() || m.OneIn(6)) return value;
  auto child = value.begin();
  std::advance(child, m.Below(value.size()));
  return Choose(*child, m);
}

void ReplaceValue(json& value, Mutation& m) {
  static constexpr std::string_view kWords[] = {"ByteLevel", "Digits", "Split",  "Sequence", "BPE",         "NFC",
                                                "Isolated",  "a b",    "\u0120", "",         "<|im_start|>"};
  switch (m.Below(5)) {
    case 0:
      value = m.Number();
      return;
    case 1:
      value = kWords[m.Below(std::size(kWords))];
      return;
    case 2:
      value = m.OneIn(2) ? json::array() : json::object();
      return;
    case 3:
      value = m.OneIn(3) ? json(nullptr) : json(m.OneIn(2));
      return;
    default:
      value = value.is_string() ? m.Bytes(value.get<std::string>()) : std::string("x");
  }
}

/// Adds a piece, an added token or a merge, with whatever id.
void AddEntry(json& document, Mutation& m) {
  const std::string text = m.Bytes("ab");
  if (!document.is_object()) return;
  if (!document["model"].is_object()) document["model"] = json::object();
  json& merges = document["model"]["merges"];
  switch (m.Below(3)) {
    case 0:
      document["model"]["vocab"] = {{text, m.Number()}};
      return;
    case 1:
      if (!document["added_tokens"].is_array()) document["added_tokens"] = json::array();
      document["added_tokens"].push_back({{"id", m.Number()}, {"content", text}, {"special", m.OneIn(2)}});
      return;
    default:
      if (merges.is_array()) merges.push_back(m.OneIn(2) ? json(text + " a") : json::array({text, "b"}));
  }
}

/// Puts brackets around one value of the text, up to what fits into an input.
std::string Nest(const std::string& text, Mutation& m) {
  const size_t colon = text.find(':', m.Below(text.size() + 1));
  if (colon == std::string::npos) return text;
  const size_t depth = size_t{1} << m.Below(16);
  return text.substr(0, colon + 1) + std::string(depth, '[') + std::string(depth, ']') +
         text.substr(std::min(text.find_first_of(",}", colon), text.size()));
}

std::string MutateJson(const std::string& text, Mutation& m) {
  if (m.OneIn(8)) return Nest(text, m);
  json document = Nesting(text) < 100 ? json::parse(text, nullptr, false) : json(json::value_t::discarded);
  if (document.is_discarded() || m.OneIn(8)) return m.OneIn(2) ? m.Bytes(text) : m.Digits(text);
  if (m.OneIn(3)) {
    AddEntry(document, m);
  } else {
    ReplaceValue(Choose(document, m), m);
  }
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

template <class Read>
void Try(Read read) {
  try {
    read();
  } catch (const Error&) {
    // The right answer to a hostile file.
  }
}

}  // namespace
}  // namespace longshot

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace longshot;
  // A copy of its own, so that a read before or past the file is seen.
  const std::vector<char> copy(data, data + size);
  const std::string_view text(copy.data(), copy.size());
  Try([&] { CheckRoundTrip(ReadTokenizerJson(text)); });
  Try([&] {
    Vocabulary vocabulary = testing_text::ByteLevel("gpt-2", {{"a", "b"}}, testing_text::ChatMlTokens());
    ReadTokenizerConfig(text, vocabulary);
  });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace longshot;
  Mutation m(seed);
  if (size == 0 || m.OneIn(10)) return LLVMFuzzerMutate(data, size, max_size);
  return StoreInput(MutateJson(std::string(reinterpret_cast<const char*>(data), size), m), data, max_size);
}
