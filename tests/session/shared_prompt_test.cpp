#include "session/shared_prompt.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

using std::filesystem::exists;

GenerationMetrics Read(int64_t tokens, int64_t cached, double ms) {
  GenerationMetrics metrics;
  metrics.prompt_tokens = tokens;
  metrics.cached_tokens = cached;
  metrics.time_ms.prefill = ms;
  return metrics;
}

TEST(SharedPrompt, ServesOneDocumentAndLeavesNothing) {
  const TemporaryFolder folder;
  const std::string path = folder / "prompt.cache";
  folder.Write("prompt.cache", "of a killed run");
  {
    SharedPrompt shared(path);
    EXPECT_FALSE(exists(path));
    shared.About("one");
    folder.Write("prompt.cache", "rows");
    shared.About("one");
    EXPECT_TRUE(exists(path));
    shared.About("another");
    EXPECT_FALSE(exists(path));
    folder.Write("prompt.cache", "rows");
  }
  EXPECT_FALSE(exists(path));
}

TEST(SharedPrompt, HasAFolderOfItsOwnWhereItIsTemporary) {
  std::filesystem::path folder;
  {
    const SharedPrompt shared = SharedPrompt::Temporary(), other = SharedPrompt::Temporary();
    EXPECT_NE(shared.path(), other.path());
    folder = std::filesystem::path(shared.path()).parent_path();
    EXPECT_TRUE(exists(folder));
  }
  EXPECT_FALSE(exists(folder));
}

TEST(SharedPrompt, SharedRowsCostWhatReadingThemDid) {
  const TemporaryFolder folder;
  SharedPrompt shared(folder / "prompt.cache");
  EXPECT_EQ(shared.ReadingMs(Read(0, 0, 3), 100), 0) << "interrupted before anything was read";
  EXPECT_EQ(shared.ReadingMs(Read(100, 0, 50), 100), 50) << "measured";
  EXPECT_EQ(shared.ReadingMs(Read(200, 190, 4), 200), 100) << "at the rate that was measured";
  EXPECT_EQ(shared.ReadingMs(Read(100, 0, 60), 100), 60);
  EXPECT_EQ(shared.ReadingMs(Read(100, 90, 4), 100), 60);
}

}  // namespace
}  // namespace longshot
