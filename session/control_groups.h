#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace longshot {

/// A folder with the limits of a control group.
struct ControlGroup {
  std::filesystem::path folder;
  int version = 2;
};

/// The control groups, versions 1 and 2, that this process is in and those above them, as far as they may limit what
/// `controller` ("memory", "cpu") counts. `proc_self` and `mount` are the system's /proc/self and /sys/fs/cgroup.
std::vector<ControlGroup> ControlGroups(std::string_view controller, const std::string& proc_self,
                                        const std::string& mount);

}  // namespace longshot
