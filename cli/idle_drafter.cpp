#include "cli/idle_drafter.h"

#include <fmt/format.h>

namespace longshot {

std::string ExplainIdleDrafter(std::string_view drafter, const IdleRounds& idle, int64_t passes) {
  const struct {
    int64_t rounds;
    const char* reason;
  } reasons[] = {{idle.no_candidate, "no match"},
                 {idle.would_not_pay, "not expected to pay"},
                 {idle.below_n_min, "fewer tokens than --spec-draft-n-min"},
                 {passes - idle.total(), "no token left to draft"}};
  std::string list;
  for (const auto& [rounds, reason] : reasons) {
    if (rounds > 0) list += fmt::format("{}{} in {}", list.empty() ? "" : ", ", reason, rounds);
  }
  return fmt::format("{} proposed nothing in {} passes: {}; this was plain decoding", drafter, passes, list);
}

}  // namespace longshot
