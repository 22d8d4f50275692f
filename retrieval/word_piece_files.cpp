#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/printable.h"
#include "retrieval/bert_config.h"
#include "retrieval/word_piece.h"
#include "runtime/model/json_fields.h"
#include "runtime/text/bounded_json.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr const char* kFile = "tokenizer.json";
/// Published BERT vocabularies have 21,128 to 250,000 pieces.
constexpr size_t kMaxPieces = size_t{1} << 20;

constexpr size_t kMaxBytes = size_t{64} << 20;

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

[[noreturn]] void TooManyPieces(const char* file) {
  Throw(ErrorCode::kFormat, "{}: more than {} pieces: this is no vocabulary of a BERT model", file, kMaxPieces);
}

void AddPiece(const std::string& piece, const json& id, WordPieceVocabulary& vocabulary) {
  if (!id.is_number_unsigned()) {
    Throw(ErrorCode::kFormat, "{}: the id of \"{}\" is not a number", kFile, Printable(piece));
  }
  const auto at = id.get<uint64_t>();
  if (at >= kMaxPieces) TooManyPieces(kFile);
  if (at >= vocabulary.pieces.size()) vocabulary.pieces.resize(at + 1);
  std::string& place = vocabulary.pieces[at];
  if (!place.empty() && place != piece) {
    Throw(ErrorCode::kFormat, "{}: \"{}\" and \"{}\" have the same id {}", kFile, Printable(place), Printable(piece),
          at);
  }
  place = piece;
}

void ReadPieces(const json& document, const JsonFields& model, WordPieceVocabulary& vocabulary) {
  const json* pieces = model.Find("vocab");
  if (pieces == nullptr || !pieces->is_object()) {
    Throw(ErrorCode::kFormat, "{}: model.vocab is not an object of pieces and ids", kFile);
  }
  for (const auto& [piece, id] : pieces->items()) AddPiece(piece, id, vocabulary);
  const json* added = JsonFields(document, kFile).Find("added_tokens");
  if (added == nullptr) return;
  if (!added->is_array()) Throw(ErrorCode::kFormat, "{}: added_tokens is not a list", kFile);
  for (const json& token : *added) {
    const JsonFields fields(token, fmt::format("{}: an added token", kFile));
    const json* id = fields.Find("id");
    AddPiece(fields.String("content").value_or(""), id != nullptr ? *id : json(), vocabulary);
  }
}

/// A member that BERT has as `expected`; absent is as good.
template <class T>
void RequireSame(const JsonFields& fields, const char* name, const std::optional<T>& found, const T& expected) {
  if (found.value_or(expected) == expected) return;
  Throw(ErrorCode::kUnsupported, "{}: {} is {}, supported: {}", fields.what(), name,
        Printable(fields.Find(name)->dump()), expected);
}

JsonFields Section(const json& document, const char* name, const char* type) {
  const json* section = JsonFields(document, kFile).Find(name);
  if (section == nullptr) Throw(ErrorCode::kUnsupported, "{}: no {}, supported: {}", kFile, name, type);
  JsonFields fields(*section, fmt::format("{}: {}", kFile, name));
  RequireSame(fields, "type", fields.String("type"), std::string(type));
  return fields;
}

/// Either all of BERT's clean-up or, for cased models, all but lower case and accents.
bool ReadUncased(const JsonFields& normalizer) {
  RequireSame(normalizer, "clean_text", normalizer.Bool("clean_text"), true);
  RequireSame(normalizer, "handle_chinese_chars", normalizer.Bool("handle_chinese_chars"), true);
  const bool lower = normalizer.Bool("lowercase").value_or(true);
  RequireSame(normalizer, "strip_accents", normalizer.Bool("strip_accents"), lower);
  return lower;
}

}  // namespace

WordPieceVocabulary ReadVocabTxt(std::string_view text, bool uncased) {
  WordPieceVocabulary vocabulary;
  vocabulary.uncased = uncased;
  while (!text.empty()) {
    if (vocabulary.pieces.size() >= kMaxPieces) TooManyPieces("vocab.txt");
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    vocabulary.pieces.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return vocabulary;
}

WordPieceVocabulary ReadWordPieceJson(std::string_view json_text) {
  const json document = ParseBoundedJson(json_text, kFile);
  const JsonFields model = Section(document, "model", "WordPiece");
  RequireSame(model, "unk_token", model.String("unk_token"), std::string("[UNK]"));
  RequireSame(model, "continuing_subword_prefix", model.String("continuing_subword_prefix"), std::string("##"));
  RequireSame(model, "max_input_chars_per_word", model.Integer("max_input_chars_per_word"), 100);
  Section(document, "pre_tokenizer", "BertPreTokenizer");
  WordPieceVocabulary vocabulary;
  vocabulary.uncased = ReadUncased(Section(document, "normalizer", "BertNormalizer"));
  ReadPieces(document, model, vocabulary);
  return vocabulary;
}

WordPieceVocabulary OpenWordPiece(const std::string& folder) {
  const std::string pieces = folder + "/vocab.txt", whole = folder + "/tokenizer.json";
  if (!Exists(pieces) && !Exists(whole)) {
    Throw(ErrorCode::kIo, "{} has neither vocab.txt nor tokenizer.json: fetch it whole", folder);
  }
  if (!Exists(pieces)) return ReadWordPieceJson(ReadSmallFile(whole, kMaxBytes));
  const std::string settings = folder + "/tokenizer_config.json";
  if (!Exists(settings)) return ReadVocabTxt(ReadSmallFile(pieces, kMaxBytes), true);
  const json document = ParseBoundedJson(ReadSmallFile(settings, kMaxBytes), settings);
  const JsonFields fields(document, settings);
  const bool uncased = fields.Bool("do_lower_case").value_or(true);
  RequireSame(fields, "strip_accents", fields.Bool("strip_accents"), uncased);
  return ReadVocabTxt(ReadSmallFile(pieces, kMaxBytes), uncased);
}

}  // namespace longshot
