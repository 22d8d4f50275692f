#include "runtime/text/tokenizer.h"
#include "core/utf8.h"

namespace longshot {

std::string StreamDecoder::Push(Token token) {
  held_ += tokenizer_->Piece(token, special_);
  // Only a beginning of at most three bytes can be unfinished; everything before it is decided.
  size_t ready = held_.size();
  for (size_t back = 1; back <= 3 && back <= held_.size(); ++back) {
    if (IsUnfinishedCodePoint(std::string_view(held_).substr(held_.size() - back))) ready = held_.size() - back;
  }
  std::string text = held_.substr(0, ready);
  held_.erase(0, ready);
  return text;
}

std::string StreamDecoder::Finish() {
  std::string text;
  text.swap(held_);
  return text;
}

}  // namespace longshot
