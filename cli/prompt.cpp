#include "cli/prompt.h"

#include "cli/document.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "runtime/text/chat_format.h"

namespace longshot {

std::vector<Token> BuildPrompt(const Tokenizer& tokenizer, PromptOptions& options) {
  if (!options.question.empty() && !options.question_file.empty()) {
    Throw(ErrorCode::kUsage, "-p and -f are both the question: give one of them");
  }
  ChatPrompt prompt;
  prompt.question = options.question;
  if (!options.question_file.empty()) {
    prompt.question = ReadFile(options.question_file == "-" ? "/dev/stdin" : options.question_file);
  }
  if (prompt.question.empty() && options.documents.empty()) {
    Throw(ErrorCode::kUsage, "nothing to answer: give a question with -p or -f, and a long document with --doc");
  }
  if (!options.documents.empty()) prompt.document = ReadDocuments(options.documents);
  if (!options.system.empty()) prompt.system = options.system;
  const ChatFormat format = options.chat_template.empty() ? RecognizeChatFormat(tokenizer.vocabulary().chat_template)
                                                          : ChatFormatByName(options.chat_template);
  options.chat_template = Name(format);
  return EncodeChat(tokenizer, format, prompt);
}

}  // namespace longshot
