// labels: unit
// Operations counted by phase while an answer is made: each lies in its phase, their times fit into it, and the answer
// is the one that is made without counting.
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "drafters/registry.h"
#include "kernels/backends.h"
#include "kernels/timed/timed_backend.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model_target.h"
#include "tests/drafters/every_drafter.h"
#include "tests/numeric_paths.h"
#include "verifier/rules.h"

namespace longshot {
namespace {

constexpr int64_t kPrompt = 150, kTokens = 24;
using Account = std::array<OperationCosts, kPhases>;

struct Counted {
  GenerateResult result;
  Account costs = {};

  const OperationCost& At(Phase phase, Operation operation) const {
    return costs[static_cast<size_t>(phase)][static_cast<size_t>(operation)];
  }
  double Ms(Phase phase) const {
    double ms = 0;
    for (const OperationCost& cost : costs[static_cast<size_t>(phase)]) ms += cost.ms;
    return ms;
  }
};

/// A clock that moves on whenever it is read: every operation takes 1 ms, whatever is around it more.
struct Ticks {
  double now_ms = 0;
  std::function<double()> Reader() {
    return [this] { return now_ms += 1; };
  }
};

class OperationTimes : public testing::TestWithParam<DrafterEntry> {
 protected:
  /// Proposals are sized on the way by two passes of three rows.
  Counted Generate(const CpuOptions& options, bool timed) const {
    Ticks ticks;
    auto owned = std::make_unique<TimedBackend>(MakeCpuBackend(options), ticks.Reader());
    TimedBackend& backend = *owned;
    const auto file = std::make_shared<const ModelFile>(
        ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/llama"));
    const Model model(&backend, file, file->config());
    ModelTarget target(&model, {.max_context = 256, .prefill_rows = 64, .max_rows = 24});
    const auto drafter = MakeEagerDrafter(GetParam().name);
    const auto rule = MakeVerifier("coupled");
    const std::vector<Token> prompt = RepeatingPrompt(3, kPrompt, model.config().vocab_size);
    GenerateRequest request;
    request.prompt = prompt;
    const GivenSource given(target, request);
    request.max_tokens = kTokens;
    request.ignore_eos = true;
    request.seed = 21;
    const bool drafts = GetParam().name != "none";
    request.draft.max_nodes = drafts ? 12 : 0;
    request.draft.max_depth = drafts ? 5 : 0;
    if (drafts) {
      request.size_drafts = [&](SequenceId sequence) {
        TokenTree tree(0);
        tree.Add(tree.Add(0, 1), 2);
        target.PassMs(sequence, tree, nullptr, 2);
        return DraftSizes{.max_nodes = 12, .max_depth = 5, .cost = PassCost(0.001)};
      };
    }
    request.now_ms = ticks.Reader();
    Counted run;
    if (timed) {
      request.on_phase = [&](Phase phase) { backend.CountInto(&run.costs[static_cast<size_t>(phase)]); };
    }
    run.result = Engine(&target, rule.get(), drafter.get()).Generate(request);
    return run;
  }
};

TEST_P(OperationTimes, LieInTheirPhasesAndChangeNothing) {
  ForEachNumericPath([this](const CpuOptions& options) {
    const Counted plain = Generate(options, false), timed = Generate(options, true);
    EXPECT_EQ(timed.result.tokens, plain.result.tokens);
    ASSERT_EQ(std::ssize(timed.result.tokens), kTokens);
    for (int i = 0; i < kPhases; ++i) {
      const auto phase = static_cast<Phase>(i);
      EXPECT_EQ(plain.Ms(phase), 0);
      EXPECT_LE(timed.Ms(phase), timed.result.metrics.time_ms.of(phase)) << Name(phase);
    }
    const bool drafts = GetParam().name != "none";
    const int64_t passes = timed.result.metrics.target_passes;
    EXPECT_EQ(timed.At(Phase::kScore, Operation::kHeadProduct).calls, passes);
    EXPECT_EQ(timed.At(Phase::kScore, Operation::kAttention).calls, passes * 2) << "two layers";
    EXPECT_EQ(timed.At(Phase::kSizing, Operation::kHeadProduct).calls, drafts ? 2 : 0);
    EXPECT_EQ(timed.At(Phase::kSizing, Operation::kTransfer).calls, drafts ? 6 : 0);
    EXPECT_EQ(timed.At(Phase::kPrefill, Operation::kAttention).calls % 2, 0);
    EXPECT_GE(timed.At(Phase::kPrefill, Operation::kAttention).calls, 2 * 3) << "three passes of 64 rows";
    EXPECT_EQ(timed.At(Phase::kPrefill, Operation::kTransfer).calls, kPrompt - 1);
    if (GetParam().draws_own_law) {
      EXPECT_GT(timed.At(Phase::kDraft, Operation::kHeadProduct).calls, 0) << "it runs the model";
    } else if (GetParam().name == "copy") {
      EXPECT_EQ(timed.Ms(Phase::kDraft), 0) << "a look-up runs no model";
    }
    EXPECT_EQ(timed.Ms(Phase::kVerify), 0) << "draws are made on the host";
    EXPECT_EQ(timed.Ms(Phase::kRestore), 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Registry, OperationTimes, EveryDrafter(), DrafterTestName);

}  // namespace
}  // namespace longshot
