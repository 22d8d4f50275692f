// labels: unit threads
// What runs on threads beside the team: rows out of files and from sequence to sequence, a checksum, the tables of a
// tokenizer. The same results as on one thread, and nothing for a race detector to find.
#include "core/side_threads.h"

#include <gtest/gtest.h>

#include <atomic>

#include "kernels/backends.h"
#include "runtime/text/tokenizer.h"
#include "tests/draws.h"
#include "tests/kernels/device_matrix.h"
#include "tests/runtime/cache/cache_case.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace longshot {
namespace {

constexpr KvGeometry kGeometry{
    .layers = 13, .kv_heads = 2, .head_dim = 8, .capacity = 150, .k_type = DType::kF32, .v_type = DType::kF32};
constexpr int64_t kRows = 130;

/// A store whose first sequence has rows drawn at random.
struct Drawn {
  Drawn() : backend(MakeReferenceBackend()), store(backend.get()), sequence(store.Open(kGeometry)) {
    Draws draws(1);
    for (int layer = 0; layer < kGeometry.layers; ++layer) {
      DeviceMatrix k(*backend, kRows, 16, draws.Normals(kRows * 16)), v(*backend, kRows, 16, draws.Normals(kRows * 16));
      backend->AppendKv(store.buffer(sequence), layer, 0, k.view(), v.view());
    }
    store.CommitPrefill(sequence, kRows);
  }
  std::vector<std::vector<std::byte>> Images(SequenceId of) const {
    std::vector<std::vector<std::byte>> images;
    for (int layer = 0; layer < kGeometry.layers; ++layer) {
      images.emplace_back(store.ImageBytes(of, store.committed(of)));
      store.SaveLayer(of, layer, store.committed(of), images.back());
    }
    return images;
  }

  std::unique_ptr<Backend> backend;
  KvStore store;
  SequenceId sequence;
};

TEST(SideThreads, AllOfThemWorkAndOnesExceptionIsTheCallers) {
  for (const int threads : {1, 2, 5}) {
    std::atomic<int> runs{0};
    RunOnThreads(threads, [&] { ++runs; });
    EXPECT_EQ(runs, threads);
    runs = 0;
    EXPECT_THROW(RunOnThreads(threads,
                              [&] {
                                if (++runs == threads) throw Error(ErrorCode::kIo, "the last");
                              }),
                 Error);
    EXPECT_EQ(runs, threads) << "all were waited for";
  }
}

TEST(SideThreads, RowsOfAFileComeBackTheSame) {
  Drawn drawn;
  const TemporaryFolder folder;
  const std::vector<Token> tokens = SomeTokens(kRows, 100, 1);
  AtomicFile file(folder / "cache");
  WritePromptCache(file, DescribeRows(drawn.store, drawn.sequence, tokens, {}), drawn.store, drawn.sequence);
  const auto expected = drawn.Images(drawn.sequence);
  const PromptCache cache(folder / "cache");
  for (const int threads : {1, 2, 3, 40}) {
    const SequenceId restored = drawn.store.Open(kGeometry);
    cache.Restore(drawn.store, restored, kRows, threads);
    EXPECT_EQ(drawn.store.committed(restored), kRows);
    EXPECT_EQ(drawn.Images(restored), expected) << threads << " threads";
    drawn.store.Close(restored);
  }
}

TEST(SideThreads, RowsOfASequenceAreCopiedWhole) {
  Drawn drawn;
  const SequenceId copy = drawn.store.Open(kGeometry);
  drawn.store.CopyRows(drawn.sequence, copy, kRows);
  EXPECT_EQ(drawn.Images(copy), drawn.Images(drawn.sequence));
}

TEST(SideThreads, AChecksumThatWasBegunIsTheSame) {
  const auto file = TinyModel("llama");
  const std::string computed = file->Checksum();
  file->BeginChecksum();
  const Tokenizer beside(testing_text::ByteLevel("gpt-2", {{"a", "b"}}));
  EXPECT_EQ(file->Checksum(), computed);
  EXPECT_EQ(file->Checksum(), computed) << "asked again";
}

TEST(SideThreads, NobodyNeedsToAskForAChecksumThatWasBegun) {
  for (int i = 0; i < 20; ++i) TinyModel("llama")->BeginChecksum();
}

}  // namespace
}  // namespace longshot
