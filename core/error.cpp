#include "core/error.h"

#include <cstdio>
#include <cstdlib>

namespace longshot {

void CheckFailed(const char* condition, const char* file, int line, const std::string& detail) {
  fmt::print(stderr, "{}:{}: CHECK({}) failed{}{}\n", file, line, condition, detail.empty() ? "" : ": ", detail);
  std::abort();
}

}  // namespace longshot
