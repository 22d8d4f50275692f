#include "session/prompt.h"

#include <algorithm>
#include <utility>

#include "session/document.h"
#include "core/error.h"
#include "core/text_file.h"
#include "runtime/text/chat_format.h"

namespace longshot {

namespace {

/// What the options say beside the question.
ChatPrompt ReadFrame(const PromptOptions& options) {
  ChatPrompt prompt;
  if (!options.documents.empty()) prompt.document = ReadDocumentText(options.documents);
  if (!options.system.empty()) prompt.system = options.system;
  return prompt;
}

ChatFormat ResolveFormat(const Tokenizer& tokenizer, PromptOptions& options) {
  const ChatFormat format = options.chat_template.empty() ? RecognizeChatFormat(tokenizer.vocabulary().chat_template)
                                                          : ChatFormatByName(options.chat_template);
  options.chat_template = Name(format);
  return format;
}

}  // namespace

AskedPrompt ReadPrompt(const PromptOptions& options) {
  if (!options.question.empty() && !options.question_file.empty()) {
    Throw(ErrorCode::kUsage, "-p and -f are both the question: give one of them");
  }
  const auto& documents = options.documents;
  if (options.question_file == "-" && std::find(documents.begin(), documents.end(), "-") != documents.end()) {
    Throw(ErrorCode::kUsage, "--doc - and -f - would both read standard input: give one of them a file");
  }
  std::string question = options.question;
  if (!options.question_file.empty()) question = ReadText("-f", options.question_file);
  if (IsBlank(question) && documents.empty()) {
    Throw(ErrorCode::kUsage, "nothing to answer: give a question with -p or -f, and a long document with --doc");
  }
  AskedPrompt asked{.documents = {}, .question = std::move(question)};
  if (!documents.empty()) asked.documents = ReadNamedDocuments(documents);
  return asked;
}

std::vector<Token> EncodePrompt(const Tokenizer& tokenizer, PromptOptions& options, const std::string& document,
                                const std::string& question) {
  ChatPrompt prompt;
  if (!options.system.empty()) prompt.system = options.system;
  prompt.document = document;
  prompt.question = question;
  return EncodeChat(tokenizer, ResolveFormat(tokenizer, options), prompt);
}

std::vector<Token> BuildDocumentPrompt(const Tokenizer& tokenizer, PromptOptions& options) {
  if (options.documents.empty()) Throw(ErrorCode::kUsage, "nothing to read: give the long document with --doc");
  const ChatPrompt prompt = ReadFrame(options);
  return EncodeChatDocument(tokenizer, ResolveFormat(tokenizer, options), prompt);
}

}  // namespace longshot
