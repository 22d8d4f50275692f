#include "session/processors.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#include "session/control_groups.h"

namespace longshot {
namespace {

constexpr int kUnlimited = std::numeric_limits<int>::max();

/// Numbers that the group's files hold; both stay 0 for "max" and for what cannot be read.
struct Quota {
  double time = 0, period = 0;  ///< microseconds of processor time in a period of so many
};

Quota ReadQuota(const ControlGroup& group) {
  Quota quota;
  if (group.version == 1) {
    std::ifstream(group.folder / "cpu.cfs_quota_us") >> quota.time;  // -1: no limit
    std::ifstream(group.folder / "cpu.cfs_period_us") >> quota.period;
  } else {
    std::ifstream(group.folder / "cpu.max") >> quota.time >> quota.period;
  }
  return quota;
}

std::string Counted(int processors) { return fmt::format("{} processor{}", processors, processors == 1 ? "" : "s"); }

}  // namespace

int GroupProcessors(const std::string& proc_self, const std::string& mount) {
  int granted = kUnlimited;
  for (const ControlGroup& group : ControlGroups("cpu", proc_self, mount)) {
    const Quota quota = ReadQuota(group);
    if (quota.time <= 0 || quota.period <= 0) continue;
    granted = static_cast<int>(std::min<double>(granted, std::max(1.0, std::ceil(quota.time / quota.period))));
  }
  return granted;
}

Processors LeastProcessors(int machine, int allowed, int granted) {
  const int count = std::max(1, std::min({machine, allowed, granted}));
  if (machine <= count) return {count, fmt::format("the machine has {}", Counted(count))};
  if (allowed <= count) return {count, fmt::format("the affinity mask of this process allows {}", Counted(count))};
  return {count, fmt::format("the CPU quota of its control group grants the time of {}", Counted(count))};
}

Processors UsableProcessors() {
  cpu_set_t mask;
  const int allowed = ::sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : kUnlimited;
  const auto machine = static_cast<int>(std::thread::hardware_concurrency());
  return LeastProcessors(machine == 0 ? kUnlimited : machine, allowed, GroupProcessors());
}

}  // namespace longshot
