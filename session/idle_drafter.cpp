#include "session/idle_drafter.h"

#include <fmt/format.h>

namespace longshot {

namespace {

/// "no match in 9, not expected to pay in 1" for `passes` passes without a proposal.
std::string Reasons(const IdleRounds& idle, int64_t passes) {
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
  return list;
}

}  // namespace

std::string ExplainIdleDrafter(std::string_view drafter, const IdleRounds& idle, int64_t passes) {
  return fmt::format("{} proposed nothing in {} passes: {}; this was plain decoding", drafter, passes,
                     Reasons(idle, passes));
}

std::string ExplainChoices(std::string_view drafter, std::span<const ArmRounds> arms, const IdleRounds& idle,
                           int64_t passes) {
  std::string taken;
  int64_t plain = passes;
  for (const ArmRounds& arm : arms) {
    plain -= arm.rounds;
    taken += fmt::format("{}{} in {}", taken.empty() ? "" : ", ", arm.name, arm.rounds);
    if (taken.find("passes") == std::string::npos) taken += fmt::format(" of {} passes", passes);
    if (arm.accepted > 0) taken += fmt::format(" ({} tokens accepted)", arm.accepted);
  }
  const std::string reasons = plain > 0 ? ": " + Reasons(idle, plain) : "";
  return fmt::format("{} took {}; plain decoding in {}{}", drafter, taken, plain, reasons);
}

}  // namespace longshot
