#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/spec/drafter.h"

namespace longshot {

/// Why a drafter proposed nothing in all of `passes` target passes, for people: "copy proposed nothing in 10 passes: no
/// match in 10; this was plain decoding". Passes that `idle` does not count had no room for a proposal.
std::string ExplainIdleDrafter(std::string_view drafter, const IdleRounds& idle, int64_t passes);

}  // namespace longshot
