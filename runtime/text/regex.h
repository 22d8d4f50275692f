#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// A compiled PCRE2 pattern with Unicode classes. Immutable; `Split` may be called from any thread.
class Regex {
 public:
  /// REQUIRES: a valid pattern (patterns are constants of this repository).
  explicit Regex(const char* pattern);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  /// Appends the matches and the stretches between them, in order; together they are `text`.
  /// The pattern sees nothing outside `text`. REQUIRES: valid UTF-8.
  /// Errors: kCapacity when the pattern library runs out of memory.
  void Split(std::string_view text, std::vector<std::string_view>& out) const;

 private:
  struct Code;
  std::unique_ptr<const Code> code_;
};

}  // namespace longshot
