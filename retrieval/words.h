#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace longshot {

/// Calls `visit` with each word of `text` in lower case: a run of letters, digits and combining marks, or one
/// ideograph or kana by itself, since those scripts put no spaces between words. Everything else separates, invalid
/// UTF-8 too. Cases are folded in Latin, Greek, Cyrillic and Armenian; forms are not composed. Linear.
void ForEachWord(std::string_view text, const std::function<void(const std::string&)>& visit);

/// Articles, prepositions, pronouns, auxiliaries and question words of English. `word`: in lower case.
bool IsStopWord(std::string_view word);

/// The stem of an English word, so that "painted" and "painting" meet; a word of other letters than a to z, or of more
/// than 40, is returned as it is. `word`: in lower case. Source: Porter 1980, "An algorithm for suffix stripping".
std::string Stem(std::string_view word);

}  // namespace longshot
