// The decode loop allocates nothing after warm-up, whoever drafts: every `operator new` of the process is counted, but
// for those that the matrix library makes for itself in each call.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "drafters/registry.h"
#include "kernels/backends.h"
#include "kernels/timed/timed_backend.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model_target.h"
#include "tests/drafters/every_drafter.h"
#include "verifier/rules.h"

static std::atomic<int64_t> allocations{0};

static bool InMatrixLibrary(const void* code) {
  Dl_info object;
  return dladdr(code, &object) != 0 && std::strstr(object.dli_fname, "libdnnl") != nullptr;
}

static void* Allocate(std::size_t bytes, std::size_t alignment, const void* caller) {
  if (!InMatrixLibrary(caller)) ++allocations;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded)) return memory;
  throw std::bad_alloc();
}

// The array forms call these. Never inlined: GCC would take the pair for a mismatch of new and free.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  return Allocate(bytes, alignof(std::max_align_t), __builtin_return_address(0));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace longshot {
namespace {

// The loop crosses a chunk of 512 keys after warm-up: more partial results of attention.
constexpr int64_t kPrompt = 420, kTokens = 128, kWarmUp = 64, kDepth = 5;

struct Loop {
  std::string drafter = "none";
  std::string rule = "coupled";
  SamplingConfig sampling = {};
};
void PrintTo(const Loop& loop, std::ostream* out) {
  *out << loop.drafter << ", " << loop.rule << ", T " << loop.sampling.temperature << ", top-k " << loop.sampling.top_k;
}

/// Allocations of the rounds between token kWarmUp and the last.
int64_t AllocationsAfterWarmUp(const Model& model, const Loop& loop, int64_t leak_every = 0) {
  ModelTarget target(&model, {.max_context = kPrompt + kTokens + 32, .max_rows = 24});
  const auto drafter = MakeEagerDrafter(loop.drafter);
  const auto rule = MakeVerifier(loop.rule);
  const std::vector<Token> prompt = RepeatingPrompt(5, kPrompt, model.config().vocab_size);
  int64_t tokens = 0, warm = 0;
  GenerateRequest request;
  request.prompt = prompt;
  const GivenSource given(target, request);
  request.max_tokens = kTokens;
  request.ignore_eos = true;
  request.sampling = loop.sampling;
  request.seed = 21;
  request.draft.max_nodes = loop.drafter == "none" ? 0 : 12;
  request.draft.max_depth = loop.drafter == "none" ? 0 : kDepth;
  request.draft.cost = PassCost(0.001);
  std::vector<std::unique_ptr<int>> leaks;
  request.on_token = [&](Token) {
    ++tokens;
    if (leak_every > 0 && tokens % leak_every == 0) leaks.push_back(std::make_unique<int>(0));
    if (tokens == kWarmUp) warm = allocations;
    if (tokens == kTokens) warm = allocations - warm;
    return true;
  };
  const GenerateResult result = Engine(&target, rule.get(), drafter.get()).Generate(request);
  EXPECT_EQ(std::ssize(result.tokens), kTokens);
  EXPECT_EQ(result.metrics.num_drafts > 0, loop.drafter != "none");
  return warm;
}

class DecodeLoop : public testing::TestWithParam<DrafterEntry> {
 protected:
  DecodeLoop()
      : backend_(MakeCpuBackend({.threads = 2})),
        file_(std::make_shared<const ModelFile>(
            ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/llama"))),
        model_(backend_.get(), file_, file_->config()) {}

  std::unique_ptr<Backend> backend_;
  std::shared_ptr<const ModelFile> file_;
  Model model_;
};

TEST_P(DecodeLoop, AllocatesNothingAfterWarmUp) {
  const std::string drafter(GetParam().name);
  SamplingConfig greedy, usual, flat, penalized;
  greedy.temperature = 0;
  flat.temperature = 3, flat.top_k = 0, flat.top_p = 0.95, flat.min_p = 0;
  penalized.repeat_penalty = 1.2, penalized.frequency_penalty = 0.1;
  for (const SamplingConfig& sampling : {greedy, usual, flat, penalized}) {
    const Loop coupled{drafter, "coupled", sampling};
    EXPECT_EQ(AllocationsAfterWarmUp(model_, coupled), 0) << testing::PrintToString(coupled);
  }
  // The law of a drawn token takes memory the first time that a proposal reaches its depth: ids and weights.
  const int64_t laws = GetParam().draws_own_law ? 2 * kDepth : 0;
  for (const SamplingConfig& sampling : {usual, flat}) {
    const Loop rejection{drafter, "rejection", sampling};
    EXPECT_LE(AllocationsAfterWarmUp(model_, rejection), laws) << testing::PrintToString(rejection);
  }
}

TEST_P(DecodeLoop, AnAllocationWouldBeCounted) {
  EXPECT_GE(AllocationsAfterWarmUp(model_, {.drafter = std::string(GetParam().name)}, 16), (kTokens - kWarmUp) / 16);
}

TEST(TimedDecodeLoop, AllocatesNothingAfterWarmUp) {
  TimedBackend backend(MakeCpuBackend({.threads = 2}));
  const auto file =
      std::make_shared<const ModelFile>(ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/llama"));
  const Model model(&backend, file, file->config());
  OperationCosts costs{};
  backend.CountInto(&costs);
  EXPECT_EQ(AllocationsAfterWarmUp(model, {.drafter = "copy"}), 0);
  EXPECT_GT(costs[static_cast<size_t>(Operation::kAttention)].calls, kTokens / kDepth);
}

INSTANTIATE_TEST_SUITE_P(Registry, DecodeLoop, EveryDrafter(), DrafterTestName);

}  // namespace
}  // namespace longshot
