#pragma once

#include <cstdint>

namespace longshot {

using Token = int32_t;       ///< a vocabulary id; negative means none
using SequenceId = int32_t;  ///< a sequence of a `KvStore`
using NodeId = int32_t;      ///< index of a node in a token tree; 0 is the pending token

inline constexpr Token kNoToken = -1;

}  // namespace longshot
