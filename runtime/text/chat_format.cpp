#include "runtime/text/chat_format.h"

#include <array>
#include <span>

#include "core/error.h"
#include "core/planted_bug.h"
#include "core/printable.h"

namespace longshot {
namespace {

constexpr std::string_view kSmolLm2System = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
constexpr std::string_view kQwen2System = "You are a helpful assistant.";
constexpr std::string_view kQwen25System = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
// The template's default date: a fixed one keeps a prompt the same tomorrow.
constexpr std::string_view kLlama31Preamble = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
constexpr std::string_view kNoThinking = "<think>\n\n</think>\n\n";

/// How a family writes a turn: open, role, middle, content, close.
struct TurnStyle {
  std::string_view open, middle, close;
  std::array<std::string_view, 3> control_tokens;  ///< unused places are empty
  bool trims = false;                              ///< the template trims contents
};

constexpr TurnStyle kChatMlTurn = {"<|im_start|>", "\n", "<|im_end|>\n", {"<|im_start|>", "<|im_end|>", ""}, false};
constexpr TurnStyle kLlama3Turn = {"<|start_header_id|>",
                                   "<|end_header_id|>\n\n",
                                   "<|eot_id|>",
                                   {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
                                   true};

struct FormatInfo {
  ChatFormat format;
  std::string_view name;
  const TurnStyle* turn;            ///< nullptr: raw
  std::string_view default_system;  ///< written when the caller gives none
};

constexpr std::array<FormatInfo, 8> kFormats = {{
    {ChatFormat::kRaw, "raw", nullptr, ""},
    {ChatFormat::kChatMl, "chatml", &kChatMlTurn, ""},
    {ChatFormat::kSmolLm2, "smollm2", &kChatMlTurn, kSmolLm2System},
    {ChatFormat::kQwen2, "qwen2", &kChatMlTurn, kQwen2System},
    {ChatFormat::kQwen25, "qwen2.5", &kChatMlTurn, kQwen25System},
    {ChatFormat::kQwen3, "qwen3", &kChatMlTurn, ""},
    {ChatFormat::kLlama3, "llama3", &kLlama3Turn, ""},
    {ChatFormat::kLlama31, "llama3.1", &kLlama3Turn, ""},
}};

const FormatInfo& InfoOf(ChatFormat format) {
  for (const FormatInfo& info : kFormats) {
    if (info.format == format) return info;
  }
  CHECK(false, "chat format {}", static_cast<int>(format));
  return kFormats[0];
}

std::string SupportedNames() {
  std::string names;
  for (const FormatInfo& info : kFormats) names += fmt::format("{}{}", names.empty() ? "" : ", ", info.name);
  return names;
}

/// A template is of a format when it has all of `has` and nothing of `lacks`. The first rule that holds
/// counts.
struct Recognition {
  ChatFormat format;
  std::array<std::string_view, 3> has;
  std::array<std::string_view, 4> lacks;
};

constexpr std::array<Recognition, 7> kRecognitions = {{
    {ChatFormat::kSmolLm2, {"<|im_start|>", "<|im_end|>", kSmolLm2System}, {"think", "", "", ""}},
    {ChatFormat::kQwen25, {"<|im_start|>", "<|im_end|>", kQwen25System}, {"<think>", "", "", ""}},
    {ChatFormat::kQwen2, {"<|im_start|>", "<|im_end|>", kQwen2System}, {"think", "tool", "", ""}},
    {ChatFormat::kQwen3,
     {"<|im_start|>", "enable_thinking is defined and enable_thinking is false", R"('<think>\n\n</think>\n\n')"},
     {"You are a", "vision", "", ""}},
    // A system turn or a thinking block written by the template itself is another format.
    {ChatFormat::kChatMl, {"<|im_start|>", "<|im_end|>", ""}, {"<|im_start|>system", "think", "You are", "bos_token"}},
    {ChatFormat::kLlama31,
     {"<|start_header_id|>", "<|eot_id|>", "Cutting Knowledge Date: December 2023"},
     {"You are", "think", "<function=", ""}},
    {ChatFormat::kLlama3,
     {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
     {"You are", "think", "function", "system<|end_header_id|>"}},
}};

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool Matches(const Recognition& rule, std::string_view chat_template) {
  for (std::string_view part : rule.has) {
    if (!Has(chat_template, part)) return false;  // an empty part is found in any text
  }
  for (std::string_view part : rule.lacks) {
    if (!part.empty() && Has(chat_template, part)) return false;
  }
  return true;
}

// The planted bug: a template's own index into the messages is believed.
void ExpandTemplate(std::string_view chat_template) {
  constexpr std::string_view kIndex = "messages[";
  const std::vector<std::string> roles = {"system", "user", "assistant"};
  std::string expanded;
  for (size_t at = 0; (at = chat_template.find(kIndex, at)) != std::string_view::npos;) {
    at += kIndex.size();
    size_t index = 0;
    for (; at < chat_template.size() && chat_template[at] >= '0' && chat_template[at] <= '9'; ++at) {
      index = index * 10 + static_cast<size_t>(chat_template[at] - '0');
    }
    expanded += roles.data()[index];
  }
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kWhite = " \t\n\v\f\r";
  const size_t begin = text.find_first_not_of(kWhite);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhite) - begin + 1);
}

/// Joins text of the format as it comes, so that it is tokenized in one piece up to the next plain text.
class SegmentList {
 public:
  void Control(std::string_view text) {
    if (text.empty()) return;
    if (segments_.empty() || !segments_.back().is_control) segments_.push_back({"", true});
    segments_.back().text += text;
  }
  void Plain(std::string_view text) {
    if (!text.empty()) segments_.push_back({std::string(text), false});
  }
  std::vector<ChatSegment> Take() { return std::move(segments_); }

 private:
  std::vector<ChatSegment> segments_;
};

// Document, then question: two segments, so that the document's tokens do not depend on the question.
void AddContent(const ChatPrompt& prompt, bool trims, SegmentList& out) {
  const std::string_view document = trims ? Trimmed(prompt.document) : std::string_view(prompt.document);
  const std::string_view question = trims ? Trimmed(prompt.question) : std::string_view(prompt.question);
  out.Plain(document);
  const bool both = !document.empty() && !question.empty();
  out.Plain(both ? fmt::format("\n\n{}", question) : std::string(question));
}

std::vector<ChatSegment> RawSegments(const ChatPrompt& prompt) {
  SegmentList out;
  if (prompt.system.has_value() && !prompt.system->empty()) out.Plain(*prompt.system + "\n\n");
  AddContent(prompt, false, out);
  return out.Take();
}

void AddSystemTurn(const FormatInfo& info, const ChatPrompt& prompt, SegmentList& out) {
  const std::string_view preamble = info.format == ChatFormat::kLlama31 ? kLlama31Preamble : std::string_view();
  if (!prompt.system.has_value() && info.default_system.empty() && preamble.empty()) return;
  out.Control(fmt::format("{}system{}{}", info.turn->open, info.turn->middle, preamble));
  if (prompt.system.has_value()) {
    out.Plain(info.turn->trims ? Trimmed(*prompt.system) : std::string_view(*prompt.system));
  } else {
    out.Control(info.default_system);
  }
  out.Control(info.turn->close);
}

}  // namespace

std::string_view Name(ChatFormat format) { return InfoOf(format).name; }

ChatFormat ChatFormatByName(std::string_view name) {
  for (const FormatInfo& info : kFormats) {
    if (info.name == name) return info.format;
  }
  Throw(ErrorCode::kUsage, "--chat-template \"{}\" is not a known format (known: {})", Printable(name),
        SupportedNames());
}

ChatFormat RecognizeChatFormat(std::string_view chat_template) {
  if (Planted(PlantedBug::kChatTemplate)) ExpandTemplate(chat_template);
  if (chat_template.empty()) return ChatFormat::kRaw;
  for (const Recognition& rule : kRecognitions) {
    if (Matches(rule, chat_template)) return rule.format;
  }
  Throw(ErrorCode::kUnsupported,
        "the model's chat template is none of the formats this build writes ({}); it begins \"{}\"; choose the "
        "one that fits with --chat-template NAME",
        SupportedNames(), Printable(chat_template, 80));
}

std::vector<ChatSegment> ChatSegments(ChatFormat format, const ChatPrompt& prompt) {
  const FormatInfo& info = InfoOf(format);
  if (info.turn == nullptr) return RawSegments(prompt);
  SegmentList out;
  AddSystemTurn(info, prompt, out);
  out.Control(fmt::format("{}user{}", info.turn->open, info.turn->middle));
  AddContent(prompt, info.turn->trims, out);
  out.Control(fmt::format("{}{}assistant{}", info.turn->close, info.turn->open, info.turn->middle));
  if (format == ChatFormat::kQwen3 && !prompt.thinking) out.Control(kNoThinking);
  return out.Take();
}

namespace {

std::vector<Token> EncodeSegments(const Tokenizer& tokenizer, const FormatInfo& info,
                                  std::span<const ChatSegment> segments) {
  if (info.turn != nullptr) {
    for (std::string_view token : info.turn->control_tokens) {
      if (token.empty() || tokenizer.IsControl(tokenizer.TokenOf(token))) continue;
      Throw(ErrorCode::kUnsupported,
            "chat format {} needs the control token {}, which the model's vocabulary lacks; choose another with "
            "--chat-template, raw for none",
            info.name, token);
    }
  }
  // Llama-3's templates write BOS themselves.
  const bool writes_bos = info.turn == &kLlama3Turn && tokenizer.bos() != kNoToken;
  std::vector<Token> tokens;
  if (tokenizer.adds_bos() || writes_bos) tokens = tokenizer.Encode("", {.add_bos = true});
  bool after_plain = false;
  for (const ChatSegment& segment : segments) {
    const std::vector<Token> part =
        tokenizer.Encode(segment.text, {.parse_special = segment.is_control, .starts_text = !after_plain});
    tokens.insert(tokens.end(), part.begin(), part.end());
    after_plain = true;
  }
  return tokens;
}

}  // namespace

std::vector<Token> EncodeChatDocument(const Tokenizer& tokenizer, ChatFormat format, const ChatPrompt& prompt) {
  const FormatInfo& info = InfoOf(format);
  ChatPrompt unasked = prompt;
  unasked.question.clear();
  std::vector<ChatSegment> segments = ChatSegments(format, unasked);
  if (info.turn != nullptr) segments.pop_back();  // the end of the turn, before which the question stands
  return EncodeSegments(tokenizer, info, segments);
}

std::vector<Token> EncodeChat(const Tokenizer& tokenizer, ChatFormat format, const ChatPrompt& prompt) {
  return EncodeSegments(tokenizer, InfoOf(format), ChatSegments(format, prompt));
}

}  // namespace longshot
