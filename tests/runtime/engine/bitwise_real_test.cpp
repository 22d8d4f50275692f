// labels: real
// One bitwise case on the default model: a random tree across the border of a block of keys, at more than 6,000 tokens
// in the numeric path this machine picks, at about a thousand in the others.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/mapped_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/numeric_paths.h"
#include "tests/runtime/engine/bitwise_cases.h"

namespace longshot {
namespace {

constexpr const char* kText = "/usr/share/common-licenses/GPL-3";

class BitwiseReal : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ModelPath())) GTEST_SKIP() << "no default model: run `make model`";
    if (!std::filesystem::exists(kText)) GTEST_SKIP() << kText << " is missing: install the package base-files";
  }
  static std::string ModelPath() { return LONGSHOT_SOURCE_DIR "/models/SmolLM2-135M-Instruct.Q4_1.gguf"; }

  /// A tree of 20 nodes on the first `base` tokens of the text, drafted through a view, then verified; one target runs
  /// on one thread and the other on two, and they chunk the prompt differently.
  static void Run(const CpuOptions& options, int64_t base) {
    CpuOptions one = options, two = options;
    one.threads = 1, two.threads = 2;
    const auto file = std::make_shared<const ModelFile>(ModelFile::Open(ModelPath()));
    const std::vector<Token> ids = Tokenizer(file->vocabulary()).Encode(ReadFile(kText));
    ASSERT_GT(std::ssize(ids), base);
    const std::span<const Token> prompt = std::span(ids).first(base);
    BitwiseCase c(static_cast<uint32_t>(base));
    c.base = base, c.nodes = 20, c.branching = 3;
    const TokenTree tree = c.Tree(file->config().vocab_size);
    const KvView view = c.View(file->config());

    std::vector<std::vector<float>> drafted, verified;
    {
      const auto backend = MakeCpuBackend(two);
      const Model model(backend.get(), file, file->config());
      ModelTarget plain(&model, {.max_context = base + 128, .prefill_rows = 512});
      const SequenceId sequence = plain.Open(base + 128);
      plain.Prefill({.sequence = sequence, .tokens = prompt});
      drafted = DecodePaths(plain, sequence, tree, base, &view);
      verified = DecodePaths(plain, sequence, tree, base);
    }
    EXPECT_FALSE(SameBits(drafted[0], verified[0])) << "the view hides nothing";
    const auto backend = MakeCpuBackend(one);
    const Model model(backend.get(), file, file->config());
    ModelTarget target(&model, {.max_context = base + 128, .prefill_rows = 300});
    const SequenceId sequence = target.Open(base + 128);
    target.Prefill({.sequence = sequence, .tokens = prompt});
    ExpectRows(target, {.sequence = sequence, .tree = &tree, .view = &view}, drafted, "through a view");
    ExpectRows(target, {.sequence = sequence, .tree = &tree}, verified, "verification");
  }
};

TEST_F(BitwiseReal, LongContextOnTheDefaultPath) {
  RunInChildProcess("default", [] { Run({}, 96 * 64 - 4); });
}

TEST_F(BitwiseReal, EveryNumericPath) {
  ForEachNumericPath([](const CpuOptions& options) { Run(options, 9 * 64 - 4); });
}

}  // namespace
}  // namespace longshot
