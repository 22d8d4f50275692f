#include "runtime/text/added_tokens.h"

#include <algorithm>

namespace longshot {

AddedTokens::AddedTokens(const Vocabulary& vocabulary) {
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    const TokenKind kind = vocabulary.kinds[id];
    const bool special = kind == TokenKind::kControl || kind == TokenKind::kUnknown;
    if (vocabulary.pieces[id].empty() || (!special && kind != TokenKind::kUserDefined)) continue;
    added_.push_back({vocabulary.pieces[id], static_cast<Token>(id), special});
  }
  std::stable_sort(added_.begin(), added_.end(),
                   [](const Added& a, const Added& b) { return a.text.size() > b.text.size(); });
}

std::vector<AddedTokens::Part> AddedTokens::Split(std::string_view text, bool parse_special) const {
  std::vector<Part> parts, next;
  if (!text.empty()) parts.push_back({text});
  for (const Added& added : added_) {
    if ((added.special && !parse_special) || text.find(added.text) == std::string_view::npos) continue;
    next.clear();
    for (const Part& part : parts) {
      if (part.token != kNoToken) {
        next.push_back(part);
        continue;
      }
      std::string_view rest = part.text;
      for (size_t at; (at = rest.find(added.text)) != std::string_view::npos;) {
        if (at > 0) next.push_back({rest.substr(0, at)});
        next.push_back({rest.substr(at, added.text.size()), added.token});
        rest.remove_prefix(at + added.text.size());
      }
      if (!rest.empty()) next.push_back({rest});
    }
    parts.swap(next);
  }
  return parts;
}

}  // namespace longshot
