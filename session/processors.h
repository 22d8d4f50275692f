#pragma once

#include <string>

namespace longshot {

/// How many threads may run at once, and what limits them, for people.
struct Processors {
  int count = 1;
  std::string reason;
};

/// Processors whose time the control groups of this process grant (a container's CPU quota), rounded up, or the largest
/// number when none limits it. The arguments are as for `ControlGroups`.
int GroupProcessors(const std::string& proc_self = "/proc/self", const std::string& mount = "/sys/fs/cgroup");

/// The least of what the machine has, the affinity mask allows and the control groups grant; at least 1.
Processors LeastProcessors(int machine, int allowed, int granted);

/// The same for this process.
Processors UsableProcessors();

}  // namespace longshot
