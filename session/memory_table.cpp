#include "session/memory_table.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "session/available_memory.h"
#include "core/error.h"

namespace longshot {
namespace {

std::string Megabytes(int64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

}  // namespace

std::string MemoryTable::Line() const {
  return fmt::format("memory: weights {}, target KV {}, draft {}, scratch {}, total {}", Megabytes(weights),
                     Megabytes(target_kv), Megabytes(draft), Megabytes(scratch), Megabytes(total()));
}

nlohmann::json MemoryTable::ToJson() const {
  return {{"weights", weights}, {"target_kv", target_kv}, {"draft", draft}, {"scratch", scratch}, {"total", total()}};
}

void MemoryTable::Require(int64_t available) const {
  if (total() <= available) return;
  Throw(ErrorCode::kCapacity,
        "the run needs {} ({} weights, {} KV, {} to draft), but {} are free: lower -c (bench: -d), use 16-bit -ctk and "
        "-ctv, or another --spec-type",
        Megabytes(total()), Megabytes(weights), Megabytes(target_kv), Megabytes(draft), Megabytes(available));
}

int64_t AvailableMemory() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  for (int64_t kilobytes = 0; in >> key >> kilobytes; in.ignore(64, '\n')) {
    if (key == "MemAvailable:") return std::min(kilobytes * 1024, GroupMemory());
  }
  return GroupMemory();
}

int64_t PeakMemory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace longshot
