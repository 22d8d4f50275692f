#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "runtime/text/tokenizer.h"

namespace longshot {

/// The chat formats this build writes, as fixed code: a file's template is recognised, never executed.
enum class ChatFormat : uint8_t {
  kRaw,      ///< "raw": the text as it is, after BOS where the file asks for it
  kChatMl,   ///< "chatml"
  kSmolLm2,  ///< "smollm2": ChatML with SmolLM2's default system line
  kQwen2,    ///< "qwen2": ChatML with Qwen2's default system line
  kQwen25,   ///< "qwen2.5": ChatML with Qwen2.5's default system line
  kQwen3,    ///< "qwen3": ChatML, optional empty thinking block
  kLlama3,   ///< "llama3"
  kLlama31,  ///< "llama3.1": also 3.2 and 3.3, with the knowledge and date lines of their template
};

/// The name `--chat-template` takes.
std::string_view Name(ChatFormat format);

/// Errors: kUsage naming the supported formats.
ChatFormat ChatFormatByName(std::string_view name);

/// The format a file's template writes; an empty template (a base model) is kRaw.
/// Errors: kUnsupported showing how the template begins, the supported names and the flag that chooses one.
ChatFormat RecognizeChatFormat(std::string_view chat_template);

/// One user turn. The document stands before the question, so that a second question shares its prefix.
struct ChatPrompt {
  std::optional<std::string> system;  ///< none: the format's own default line, if it has one
  std::string document;
  std::string question;
  bool thinking = true;  ///< qwen3: false closes the thinking block before the answer
};

/// A stretch of a prompt: text of the format itself (its control tokens are read) or text from outside.
struct ChatSegment {
  std::string text;
  bool is_control = false;
};

/// The prompt in order, up to where the answer starts; adjacent segments are never tokenized together.
std::vector<ChatSegment> ChatSegments(ChatFormat format, const ChatPrompt& prompt);

/// The beginning of every prompt about `prompt.document`: its tokens through the document's last, whatever is asked.
/// Errors: those of `EncodeChat`.
std::vector<Token> EncodeChatDocument(const Tokenizer& tokenizer, ChatFormat format, const ChatPrompt& prompt);

/// Tokens of a prompt, BOS included where the file asks for it. Everything through the document depends only
/// on the system text and the document. No text of the prompt is ever read as a control token.
/// Errors: kUnsupported when the vocabulary lacks a control token that the format writes.
std::vector<Token> EncodeChat(const Tokenizer& tokenizer, ChatFormat format, const ChatPrompt& prompt);

}  // namespace longshot
