// labels: unit
#include "retrieval/index_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "core/fast_hash.h"
#include "core/mapped_file.h"
#include "tests/retrieval/fake_embedder.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

class IndexCaches : public testing::Test {
 protected:
  IndexCaches() {
    content_.chunks = {{0, {0, 9, 2}}, {0, {10, 7, 2}}, {2, {1, 5, 1}}};
    content_.embeddings = FakeEmbedder().Embed(std::vector<std::string_view>{"red ship", "two", "three"});
  }

  void Store() { cache_.Store(documents_, identity_, content_); }
  std::string Path() const { return (fs::path(folder_) / (ChunkingKey(documents_, identity_) + ".chunks")).string(); }
  /// Writes `file` where the cache looks, with the checksum it should have.
  void WriteSealed(std::string file) const {
    const uint64_t hash = FastHash(std::as_bytes(std::span(file)).subspan(32));
    std::memcpy(file.data() + 24, &hash, 8);
    Overwrite(file);
  }
  void Overwrite(const std::string& file) const { std::ofstream(Path(), std::ios::binary) << file; }
  std::string LoadError() const {
    return ErrorText([&] { (void)cache_.Load(documents_, identity_); });
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_ / "deep/er";
  const IndexCache cache_{folder_};
  std::vector<Document> documents_ = {{"a.txt", "a red ship, two more"}, {"b.txt", "  "}, {"c.txt", " three"}};
  ChunkingIdentity identity_{.chunk_tokens = 4, .tokenizer = "words", .embedder = "fake", .dims = FakeEmbedder::kDims};
  ChunkedDocuments content_;
};

TEST_F(IndexCaches, WhatWasStoredComesBack) {
  EXPECT_FALSE(cache_.Load(documents_, identity_).has_value());
  Store();
  const auto found = cache_.Load(documents_, identity_);
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->chunks.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(found->chunks[i].document, content_.chunks[i].document);
    EXPECT_EQ(found->chunks[i].span.offset, content_.chunks[i].span.offset);
    EXPECT_EQ(found->chunks[i].span.length, content_.chunks[i].span.length);
    EXPECT_EQ(found->chunks[i].span.tokens, content_.chunks[i].span.tokens);
  }
  EXPECT_EQ(found->embeddings.dims, content_.embeddings.dims);
  EXPECT_EQ(found->embeddings.text, content_.embeddings.text);
  EXPECT_EQ(found->embeddings.vectors, content_.embeddings.vectors);
}

TEST_F(IndexCaches, WithoutAnEmbedderChunksAloneAreKept) {
  identity_.embedder = "", identity_.dims = 0;
  content_.embeddings = {};
  Store();
  const auto found = cache_.Load(documents_, identity_);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->chunks.size(), 3u);
  EXPECT_EQ(found->embeddings.windows(), 0);
}

TEST_F(IndexCaches, TheFolderIsTheUsersAlone) {
  Store();
  EXPECT_EQ(fs::status(folder_).permissions() & fs::perms::all, fs::perms::owner_all);
}

TEST_F(IndexCaches, KeysTellTextsAndSettingsApartButNotPaths) {
  const std::string key = ChunkingKey(documents_, identity_);
  auto moved = documents_;
  moved[0].path = "elsewhere";
  EXPECT_EQ(ChunkingKey(moved, identity_), key);
  std::vector<std::string> others;
  const auto other = [&](const ChunkingIdentity& identity) { others.push_back(ChunkingKey(documents_, identity)); };
  other({.chunk_tokens = 5, .tokenizer = "words", .embedder = "fake", .dims = 32});
  other({.chunk_tokens = 4, .tokenizer = "letters", .embedder = "fake", .dims = 32});
  other({.chunk_tokens = 4, .tokenizer = "words", .embedder = "fake2", .dims = 32});
  other({.chunk_tokens = 4, .tokenizer = "wordsf", .embedder = "ake", .dims = 32});
  auto shifted = documents_;
  shifted[0].text += " ", shifted[1].text = " ";
  others.push_back(ChunkingKey(shifted, identity_));
  for (const std::string& each : others) EXPECT_NE(each, key);
}

/// Damage anywhere is seen and told, never used, never a crash.
TEST_F(IndexCaches, EveryFlippedByteIsRefused) {
  Store();
  const std::string good = ReadFile(Path());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x41);
    Overwrite(bad);
    EXPECT_NE(LoadError(), "no error") << "byte " << i;
  }
}

TEST_F(IndexCaches, EveryTruncationAndAnythingAppendedIsRefused) {
  Store();
  const std::string good = ReadFile(Path());
  for (size_t size = 0; size < good.size(); size += size < 200 ? 1 : 37) {
    Overwrite(good.substr(0, size));
    EXPECT_EQ(LoadError(), Path() + ": truncated") << size;
  }
  Overwrite(good + "x");
  EXPECT_EQ(LoadError(), Path() + ": truncated");
}

TEST_F(IndexCaches, ForeignFilesAreRefused) {
  Store();
  const std::string good = ReadFile(Path());
  Overwrite(std::string(500, 'x'));
  EXPECT_EQ(LoadError(), Path() + ": no index of documents");
  std::string newer = good;
  newer[8] = 99;
  Overwrite(newer);
  EXPECT_EQ(LoadError(), Path() + ": written by another version");
  std::string other = good;
  other[40] = other[40] == '0' ? '1' : '0';
  WriteSealed(other);
  EXPECT_EQ(LoadError(), Path() + ": of other documents or settings");
  Overwrite(std::string(1 << 20, 'x'));
  EXPECT_EQ(LoadError(), Path() + ": larger than an index of these documents can be");
}

/// The checksum is no proof against a forger: what it covers is checked as well.
TEST_F(IndexCaches, ForgedContentIsRefused) {
  Store();
  const std::string good = ReadFile(Path());
  const auto forge = [&](size_t at, auto value) {
    std::string file = good;
    std::memcpy(file.data() + at, &value, sizeof value);
    WriteSealed(file);
    return LoadError();
  };
  constexpr size_t kCounts = 96, kFirstChunk = 128, kVectors = kFirstChunk + 3 * 32;
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  for (size_t count = 0; count < 4; ++count) {
    for (const int64_t value : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{7}, int64_t{1} << 40, kHuge}) {
      EXPECT_EQ(forge(kCounts + 8 * count, value), Path() + ": damaged: its counts cannot be") << count << " " << value;
    }
  }
  const std::string outside = Path() + ": damaged: a chunk lies outside its document";
  for (const int64_t document : {int64_t{-1}, int64_t{1}, int64_t{3}, kHuge}) {
    EXPECT_EQ(forge(kFirstChunk, document), outside) << document;
  }
  for (size_t field = 1; field < 4; ++field) {
    for (const int64_t value : {int64_t{-1}, int64_t{21}, kHuge}) {
      EXPECT_EQ(forge(kFirstChunk + 8 * field, value), outside) << field << " " << value;
    }
  }
  EXPECT_EQ(forge(kFirstChunk + 16, int64_t{0}), outside);
  EXPECT_EQ(forge(kFirstChunk + 32 + 8, int64_t{8}), outside);  // overlaps the first
  const std::string vector = Path() + ": damaged: a vector is none";
  EXPECT_EQ(forge(kVectors, std::numeric_limits<float>::quiet_NaN()), vector);
  EXPECT_EQ(forge(kVectors, std::numeric_limits<float>::infinity()), vector);
  EXPECT_EQ(forge(kVectors, 2.0f), vector);
  const std::string window = Path() + ": damaged: a vector belongs to no chunk";
  const size_t windows = kVectors + 3 * 32 * 4;
  EXPECT_EQ(forge(windows, int32_t{-1}), window);
  EXPECT_EQ(forge(windows, int32_t{2}), window);
  EXPECT_EQ(forge(windows + 8, int32_t{3}), window);
}

TEST_F(IndexCaches, WhatIsNoFileIsToldAtOnce) {
  fs::create_directories(folder_);
  ASSERT_EQ(::mkfifo(Path().c_str(), 0600), 0);
  EXPECT_EQ(LoadError(), "cannot open " + Path() + ": not a regular file");
  fs::remove(Path());
  fs::create_directories(Path());
  EXPECT_EQ(LoadError(), "cannot open " + Path() + ": not a regular file");
  EXPECT_EQ(ErrorText([&] { Store(); }), "cannot write " + Path() + ": Is a directory");
}

TEST_F(IndexCaches, AFolderThatCannotBeMadeIsToldOnlyWhenStoring) {
  temporary_.Write("deep", "a file");
  EXPECT_EQ(LoadError(), "no error");
  EXPECT_EQ(ErrorText([&] { Store(); }), "cannot make the folder " + folder_ + ": Not a directory");
}

TEST(UserCacheFolder, FollowsXdg) {
  EXPECT_EQ(UserCacheFolder("/base/cache", "/user"), "/base/cache/longshot");
  EXPECT_EQ(UserCacheFolder(nullptr, "/user"), "/user/.cache/longshot");
  EXPECT_EQ(UserCacheFolder("relative", "/user"), "/user/.cache/longshot");
  EXPECT_EQ(UserCacheFolder("", "/user"), "/user/.cache/longshot");
  EXPECT_EQ(UserCacheFolder(nullptr, nullptr), "");
}

}  // namespace
}  // namespace longshot
