// The choice allocates nothing once its memory has grown.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "drafters/auto/auto.h"
#include "tests/drafters/auto/scripted_arms.h"

namespace {
std::atomic<int64_t> allocations{0};
}  // namespace

// Not inlined: GCC would see malloc and delete, or new and free, where both sides are replaced.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace longshot {
namespace {

TEST(AutoAllocation, RoundsAllocateNothingAfterWarmUp) {
  double acceptance[3] = {0.7, 0.2, 0.8};
  std::vector<std::unique_ptr<Drafter>> arms;
  arms.push_back(std::make_unique<ScriptedArm>(ScriptedArm::Options{.name = "one", .seed = 1}, &acceptance[0]));
  arms.push_back(std::make_unique<ScriptedArm>(ScriptedArm::Options{.name = "two", .seed = 2}, &acceptance[1]));
  arms.push_back(std::make_unique<ScriptedArm>(ScriptedArm::Options{.name = "model", .draft_cost = 0.2, .seed = 3},
                                               &acceptance[2]));
  AutoDrafter drafter("auto", std::move(arms));
  drafter.Begin({});
  std::vector<Token> history{TrueToken(0)};
  std::vector<NodeId> path;
  history.reserve(20000), path.reserve(64);
  TokenTree tree;
  int64_t before = 0;
  for (int round = 0; round < 2000; ++round) {
    if (round == 200) before = allocations;
    acceptance[round / 300 % 3] = round % 600 < 300 ? 0.05 : 0.9;
    tree.Reset(history.back());
    drafter.Propose(history, {.max_nodes = 8, .max_depth = 8, .round = static_cast<uint32_t>(round)}, tree);
    path.assign(1, 0);
    for (NodeId child = 0; child >= 0;) {
      history.push_back(TrueToken(std::ssize(history)));
      child = tree.FindChild(path.back(), history.back());
      if (child >= 0) path.push_back(child);
    }
    const std::span<const Token> emitted = std::span(history).last(path.size());
    drafter.Observe({.tree = &tree, .path = path, .emitted = emitted, .draft_ms = 1, .pass_ms = 5});
  }
  EXPECT_GT(before, 0) << "allocations are counted";
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace longshot
