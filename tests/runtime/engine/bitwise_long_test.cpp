// labels: slow
// The sweep of bitwise_test.cpp at length: thousands of cases for every numeric path, a third of them with contexts of
// up to several blocks of keys.
#include "tests/numeric_paths.h"
#include "tests/runtime/engine/bitwise_cases.h"

namespace longshot {
namespace {

TEST(BitwiseLong, EveryNodeHasTheBitsOfPlainDecoding) {
  ForEachNumericPath([](const CpuOptions& options) {
    RunBitwiseCases(options, 1000, 800, {.capacity = 1100, .long_share = 3, .nodes = 48});
  });
}

}  // namespace
}  // namespace longshot
