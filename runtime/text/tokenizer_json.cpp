#include <array>

#include "core/error.h"
#include "core/planted_bug.h"
#include "core/printable.h"
#include "runtime/text/bounded_json.h"
#include "runtime/text/vocabulary_files.h"

namespace longshot {
namespace {

using nlohmann::json;

constexpr std::string_view kFile = "tokenizer.json";
// Ids that no piece has, as published files leave between the vocabulary and the added tokens.
constexpr size_t kMaxGap = 65536;

const json& Null() {
  static const json null;
  return null;
}

// A member, or null when absent or when `object` is none.
const json& Member(const json& object, const char* key) {
  if (!object.is_object()) return Null();
  const auto it = object.find(key);
  return it != object.end() ? *it : Null();
}

std::string Text(const json& object, const char* key) {
  const json& member = Member(object, key);
  return member.is_string() ? member.get<std::string>() : std::string();
}

bool Flag(const json& object, const char* key, bool absent) {
  const json& member = Member(object, key);
  return member.is_boolean() ? member.get<bool>() : absent;
}

// Places pieces by id; gaps stay empty and unused.
class PieceTable {
 public:
  PieceTable(size_t entries, Vocabulary& vocabulary) : limit_(entries + kMaxGap), vocabulary_(vocabulary) {}

  void Add(const json& id, const std::string& piece, TokenKind kind) {
    if (!id.is_number_unsigned()) {
      Throw(ErrorCode::kFormat, "{}: the id of \"{}\" is not a number", kFile, Printable(piece));
    }
    const auto at = id.get<uint64_t>();
    if (at >= limit_ && !Planted(PlantedBug::kTokenizerSize)) {
      Throw(ErrorCode::kFormat, "{}: the id {} of \"{}\" is far outside the vocabulary", kFile, at, Printable(piece));
    }
    if (at >= vocabulary_.pieces.size() && at < limit_) {
      vocabulary_.pieces.resize(at + 1);
      vocabulary_.kinds.resize(at + 1, TokenKind::kUnused);
    }
    std::string& place = vocabulary_.pieces.data()[at];
    if (!place.empty() && place != piece) {
      Throw(ErrorCode::kFormat, "{}: \"{}\" and \"{}\" have the same id {}", kFile, Printable(place), Printable(piece),
            at);
    }
    place = piece;
    vocabulary_.kinds.data()[at] = kind;
  }

 private:
  uint64_t limit_;
  Vocabulary& vocabulary_;
};

void ReadPieces(const json& document, const json& model, Vocabulary& vocabulary) {
  const json& pieces = Member(model, "vocab");
  const json& added = Member(document, "added_tokens");
  if (!pieces.is_object()) Throw(ErrorCode::kFormat, "{}: model.vocab is not an object of pieces and ids", kFile);
  if (!added.is_array() && !added.is_null()) Throw(ErrorCode::kFormat, "{}: added_tokens is not a list", kFile);
  PieceTable table(pieces.size() + added.size(), vocabulary);
  for (const auto& [piece, id] : pieces.items()) table.Add(id, piece, TokenKind::kNormal);
  for (const json& token : added) {
    const std::string content = Text(token, "content");
    if (content.empty()) Throw(ErrorCode::kFormat, "{}: an added token has no content", kFile);
    table.Add(Member(token, "id"), content,
              Flag(token, "special", false) ? TokenKind::kControl : TokenKind::kUserDefined);
  }
}

// A merge is "left right" in older files, ["left", "right"] in newer ones.
std::pair<std::string, std::string> ReadMerge(const json& merge) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  if (merge.is_string()) {
    const auto& text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string::npos) return {text.substr(0, space), text.substr(space + 1)};
  }
  Throw(ErrorCode::kFormat, "{}: a merge is neither \"left right\" nor a pair of texts", kFile);
}

void ReadMerges(const json& model, Vocabulary& vocabulary) {
  const json& merges = Member(model, "merges");
  if (!merges.is_array()) Throw(ErrorCode::kFormat, "{}: model.merges is not a list", kFile);
  vocabulary.merges.reserve(merges.size());
  for (const json& merge : merges) vocabulary.merges.push_back(ReadMerge(merge));
}

[[noreturn]] void UnknownPreTokenizer(const std::string& found) {
  Throw(ErrorCode::kUnsupported,
        "{}: pre_tokenizer {} is not supported (supported: ByteLevel as in GPT-2, Digits + ByteLevel as in "
        "SmolLM and "
        "StarCoder, Split + ByteLevel as in Llama-3 and Qwen2)",
        kFile, Printable(found, 240));
}

bool IsByteLevel(const json& step, bool use_regex) {
  return Text(step, "type") == "ByteLevel" && !Flag(step, "add_prefix_space", true) &&
         Flag(step, "use_regex", true) == use_regex;
}

// The pre-tokenizer that a Split step's pattern belongs to.
std::string OfSplit(const json& split) {
  constexpr std::string_view kHead = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
  constexpr std::string_view kTail = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const std::string pattern = Text(Member(split, "pattern"), "Regex");
  if (Text(split, "behavior") != "Isolated" || Flag(split, "invert", false)) return {};
  if (pattern == fmt::format("{}{}{}", kHead, "{1,3}", kTail)) return "llama-bpe";
  if (pattern == fmt::format("{}{}", kHead, kTail)) return "qwen2";
  return {};
}

std::string DescribeSteps(const json& steps) {
  std::string text = "Sequence of";
  for (const json& step : steps) {
    text += ' ' + Text(step, "type");
    const std::string pattern = Text(Member(step, "pattern"), "Regex");
    if (!pattern.empty()) text += " \"" + pattern + '"';
  }
  return text;
}

std::string RecognizePreTokenizer(const json& section) {
  if (section.is_null()) UnknownPreTokenizer("none");
  if (IsByteLevel(section, true)) return "gpt-2";
  const json& steps = Member(section, "pretokenizers");
  if (Text(section, "type") != "Sequence" || !steps.is_array()) {
    UnknownPreTokenizer('"' + Text(section, "type") + '"');
  }
  if (steps.size() == 2) {
    const std::string first = Text(steps[0], "type");
    if (first == "Digits" && Flag(steps[0], "individual_digits", false) && IsByteLevel(steps[1], true)) return "smollm";
    const std::string pre = first == "Split" && IsByteLevel(steps[1], false) ? OfSplit(steps[0]) : std::string();
    if (!pre.empty()) return pre;
  }
  UnknownPreTokenizer(DescribeSteps(steps));
}

Token Find(const Vocabulary& vocabulary, const std::string& piece) {
  if (piece.empty()) return kNoToken;
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    if (vocabulary.pieces[id] == piece) return static_cast<Token>(id);
  }
  return kNoToken;
}

// The token that a post-processor puts before a single text, as Llama-3's file does for BOS.
std::string LeadingToken(const json& post_processor) {
  if (Text(post_processor, "type") == "Sequence") {
    for (const json& step : Member(post_processor, "processors")) {
      if (Text(step, "type") == "TemplateProcessing") return LeadingToken(step);
    }
    return {};
  }
  const json& single = Member(post_processor, "single");
  if (!single.is_array() || single.empty()) return {};
  return Text(Member(single[0], "SpecialToken"), "id");
}

// A token of tokenizer_config.json: a text or an object with its content.
std::string TokenText(const json& config, const char* key) {
  const json& member = Member(config, key);
  return member.is_string() ? member.get<std::string>() : Text(member, "content");
}

std::string TemplateText(const json& config) {
  const json& chat_template = Member(config, "chat_template");
  if (chat_template.is_string()) return chat_template.get<std::string>();
  if (!chat_template.is_array()) return {};
  for (const json& named : chat_template) {
    if (Text(named, "name") == "default") return Text(named, "template");
  }
  return {};
}

}  // namespace

Vocabulary ReadTokenizerJson(std::string_view json_text) {
  const json document = ParseBoundedJson(json_text, kFile);
  const json& model = Member(document, "model");
  const std::string type = Text(model, "type");
  if (!model.is_object()) Throw(ErrorCode::kFormat, "{}: there is no \"model\" object", kFile);
  if ((!type.empty() && type != "BPE") || Flag(model, "byte_fallback", false)) {
    Throw(ErrorCode::kUnsupported, "{}: model type \"{}\" is not supported (supported: byte-level BPE){}", kFile,
          Printable(type), Flag(model, "byte_fallback", false) ? "; use the folder's tokenizer.model" : "");
  }
  const std::string normalizer = Text(Member(document, "normalizer"), "type");
  if (!normalizer.empty() && normalizer != "NFC") {
    Throw(ErrorCode::kUnsupported, "{}: normalizer \"{}\" is not supported (supported: none, NFC)", kFile,
          Printable(normalizer));
  }
  Vocabulary vocabulary;
  vocabulary.kind = TokenizerKind::kByteLevelBpe;
  vocabulary.add_space_prefix = false;
  vocabulary.pre = RecognizePreTokenizer(Member(document, "pre_tokenizer"));
  ReadPieces(document, model, vocabulary);
  ReadMerges(model, vocabulary);
  vocabulary.unknown = Find(vocabulary, Text(model, "unk_token"));
  vocabulary.bos = Find(vocabulary, LeadingToken(Member(document, "post_processor")));
  vocabulary.add_bos = vocabulary.bos != kNoToken;
  return vocabulary;
}

void ReadTokenizerConfig(std::string_view json_text, Vocabulary& vocabulary) {
  const json config = ParseBoundedJson(json_text, "tokenizer_config.json");
  if (!config.is_object()) Throw(ErrorCode::kFormat, "tokenizer_config.json is not an object");
  const Token bos = Find(vocabulary, TokenText(config, "bos_token"));
  const Token eos = Find(vocabulary, TokenText(config, "eos_token"));
  if (bos != kNoToken) vocabulary.bos = bos;
  if (eos != kNoToken) {
    vocabulary.eos = eos;
    vocabulary.end_of_generation.push_back(eos);
  }
  vocabulary.add_bos = Flag(config, "add_bos_token", vocabulary.add_bos) && vocabulary.bos != kNoToken;
  const std::string chat_template = TemplateText(config);
  if (!chat_template.empty()) vocabulary.chat_template = chat_template;
}

}  // namespace longshot
