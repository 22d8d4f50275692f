#include "runtime/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <limits>

#include "core/error.h"

namespace longshot {
namespace {

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

struct Regex::Code {
  std::unique_ptr<pcre2_code, FreeCode> pattern;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context;
};

Regex::Regex(const char* pattern) {
  int error = 0;
  PCRE2_SIZE error_at = 0;
  auto code = std::make_unique<Code>();
  code->pattern.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                                    &error, &error_at, nullptr));
  CHECK(code->pattern != nullptr, "error {} at {} of {}", error, error_at, pattern);
  // Without JIT (a machine it does not know) the interpreter gives the same matches, slower.
  pcre2_jit_compile(code->pattern.get(), PCRE2_JIT_COMPLETE);
  // The limits guard against patterns that explode; ours scan a run at most a few times, however long it is.
  code->context.reset(pcre2_match_context_create(nullptr));
  CHECK(code->context != nullptr);
  pcre2_set_match_limit(code->context.get(), std::numeric_limits<uint32_t>::max());
  code_ = std::move(code);
}

Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

void Regex::Split(std::string_view text, std::vector<std::string_view>& out) const {
  const std::unique_ptr<pcre2_match_data, FreeMatchData> match(pcre2_match_data_create(1, nullptr));
  CHECK(match != nullptr);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t at = 0;
  while (at < text.size()) {
    const int rc = pcre2_match(code_->pattern.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY,
                               match.get(), code_->context.get());
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0) Throw(ErrorCode::kCapacity, "splitting {} bytes of text into words: pattern error {}", text.size(), rc);
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
    if (range[0] > at) out.push_back(text.substr(at, range[0] - at));
    out.push_back(text.substr(range[0], range[1] - range[0]));
    at = range[1];
  }
  if (at < text.size()) out.push_back(text.substr(at));
}

}  // namespace longshot
