#include "runtime/config/nearest.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace longshot {

int EditDistance(std::string_view a, std::string_view b) {
  const size_t columns = b.size() + 1;
  std::vector<int> cost((a.size() + 1) * columns);
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      int& best = cost[i * columns + j];
      if (i == 0 || j == 0) {
        best = static_cast<int>(i + j);
        continue;
      }
      const int replace = a[i - 1] == b[j - 1] ? 0 : 1;
      best = std::min(
          {cost[(i - 1) * columns + j] + 1, cost[i * columns + j - 1] + 1, cost[(i - 1) * columns + j - 1] + replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = std::min(best, cost[(i - 2) * columns + j - 2] + 1);
      }
    }
  }
  return cost.back();
}

std::string_view Nearest(std::string_view name, std::span<const std::string> candidates) {
  std::string_view best;
  int best_distance = std::numeric_limits<int>::max();
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace longshot
