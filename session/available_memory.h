#pragma once

#include <cstdint>
#include <string>

namespace longshot {

/// Bytes this process may still take of the control groups it is in (a container's limit), versions 1 and 2,
/// or the largest number when none limits it. What the group holds of files and can drop counts as free.
/// `proc_self` and `mount` are the system's /proc/self and /sys/fs/cgroup.
int64_t GroupMemory(const std::string& proc_self = "/proc/self", const std::string& mount = "/sys/fs/cgroup");

}  // namespace longshot
