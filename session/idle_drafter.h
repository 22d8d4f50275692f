#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/spec/drafter.h"

namespace longshot {

/// Why a drafter proposed nothing in all of `passes` target passes, for people: "copy proposed nothing in 10 passes: no
/// match in 10; this was plain decoding". Passes that `idle` does not count had no room for a proposal.
std::string ExplainIdleDrafter(std::string_view drafter, const IdleRounds& idle, int64_t passes);

/// What a drafter that chooses among others took, and why it took none, for people: "auto took copy in 40 of 100
/// passes (52 tokens accepted), window in 0; plain decoding in 60: not expected to pay in 60".
std::string ExplainChoices(std::string_view drafter, std::span<const ArmRounds> arms, const IdleRounds& idle,
                           int64_t passes);

}  // namespace longshot
