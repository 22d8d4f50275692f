#pragma once

#include <cstdint>

namespace longshot {

/// Bugs that a build may plant in a loader, one for each class that hostile model files exploit, to prove
/// that the fuzz harnesses find them (tests/fuzz/prove_planted_bugs.sh). The CMake variable
/// LONGSHOT_PLANTED_BUG names one, without the k. Ordinary builds plant none, and the compiler removes every
/// `if (Planted(...))`.
enum class PlantedBug : uint8_t {
  kNone,
  kSizeOverflow,       ///< product of dimensions wraps
  kUncheckedCount,     ///< memory reserved for as many entries as the header claims
  kZeroDivision,       ///< alignment 0 is divided by
  kTensorRange,        ///< tensor data may lie outside the file
  kTypeConfusion,      ///< an array is read as f32 whatever its type
  kTooManyDims,        ///< dimensions are copied to four places without a check
  kVocabularySize,     ///< token types are read for every token though there are fewer
  kJsonDepth,          ///< nesting of JSON is not limited
  kSafetensorsRange,   ///< data offsets are believed
  kSafetensorsHeader,  ///< the header's length is believed
  kShardPath,          ///< a shard's file name may leave the folder
  kTokenizerSize,      ///< tokenizer.json: ids of added tokens are believed
  kCharsMap,           ///< tokenizer.model: a precompiled character map reaches sentencepiece
  kChatTemplate,       ///< a template is expanded instead of recognised
  kCacheSize,          ///< the sizes of a prompt cache are believed
};

#ifndef LONGSHOT_PLANTED_BUG
#define LONGSHOT_PLANTED_BUG None
#endif
#define LONGSHOT_PLANTED_BUG_NAME_(name) k##name
#define LONGSHOT_PLANTED_BUG_NAME(name) LONGSHOT_PLANTED_BUG_NAME_(name)

/// True in the one build that plants `bug`, which is not kNone. Static: only the sources that hold the bug
/// are built with it.
static constexpr bool Planted(PlantedBug bug) {
  return bug == PlantedBug::LONGSHOT_PLANTED_BUG_NAME(LONGSHOT_PLANTED_BUG);
}

}  // namespace longshot
