#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace longshot {

/// What a run will hold, known before anything is allocated.
struct MemoryTable {
  int64_t weights = 0;
  int64_t target_kv = 0;
  int64_t draft = 0;
  int64_t scratch = 0;

  int64_t total() const { return weights + target_kv + draft + scratch; }
  /// "memory: weights 270 MB, target KV 189 MB, draft 0 MB, scratch 41 MB, total 500 MB".
  std::string Line() const;
  nlohmann::json ToJson() const;
  /// Errors: kCapacity when `available` bytes are not enough, naming both and the cures.
  void Require(int64_t available) const;
};

/// Bytes this machine, and the control groups of this process, can still give out, or the largest number when
/// it does not say.
int64_t AvailableMemory();

/// The most memory this process has held so far, in bytes.
int64_t PeakMemory();

}  // namespace longshot
