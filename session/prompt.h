#pragma once

#include <string>
#include <vector>

#include "session/generate_options.h"
#include "core/types.h"
#include "retrieval/document.h"
#include "runtime/text/tokenizer.h"

namespace longshot {

/// What a prompt is made of.
struct AskedPrompt {
  std::vector<Document> documents;
  std::string question;
  std::string given = {};  ///< how the answer begins, behind the prompt
};

/// Reads the documents and the question that `options` name. Errors: kUsage when there is neither; those of
/// `ReadNamedDocuments` and `ReadText`.
AskedPrompt ReadPrompt(const PromptOptions& options);

/// The prompt's tokens: system line, document, question, in the model's chat format; of `options` the system line and
/// the chat format, which is replaced by the name of the one that was recognised. Errors: those of `EncodeChat`.
std::vector<Token> EncodePrompt(const Tokenizer& tokenizer, PromptOptions& options, const std::string& document,
                                const std::string& question);

/// The beginning of every prompt about the documents of `options`, through their last token; replaces
/// `options.chat_template` too. Errors: kUsage when there is no document; as above.
std::vector<Token> BuildDocumentPrompt(const Tokenizer& tokenizer, PromptOptions& options);

}  // namespace longshot
