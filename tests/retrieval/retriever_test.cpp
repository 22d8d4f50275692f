// labels: unit
#include "retrieval/retriever.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/mapped_file.h"
#include "runtime/config/fields.h"
#include "tests/retrieval/fake_embedder.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

/// Five passages of four words in two documents.
const std::vector<Document> kDocuments = {
    {"ships.txt", "red ship sails north\n\nblue ship sails south\n\nred ship carries coal"},
    {"walls.txt", "grey wall stands firm\n\nred wall fell down"}};

class Retrievers : public testing::Test {
 protected:
  RetrievalConfig Config(const std::string& kind) const {
    RetrievalConfig config;
    config.kind = kind;
    config.chunk_tokens = 4;
    config.cache = "off";
    return config;
  }
  RetrieverParts Parts() {
    return {.measure = {.count = CountWords, .identity = "words"},
            .embedder = &embedder_,
            .progress = {},
            .tell = [this](const std::string& line) { told_.push_back(line); }};
  }
  Retriever Make(const RetrievalConfig& config) { return Retriever(kDocuments, config, Parts()); }
  static std::string Join(const Retriever& retriever, const Retrieved& retrieved) {
    return JoinChunks(retriever.documents(), retrieved.chunks);
  }

  const FakeEmbedder embedder_;
  std::vector<std::string> told_;
};

TEST_F(Retrievers, BestChunksComeInTheOrderOfTheDocuments) {
  for (const char* kind : {"bm25", "dense", "hybrid"}) {
    const Retriever retriever = Make(Config(kind));
    ASSERT_EQ(retriever.chunks().size(), 5u);
    EXPECT_EQ(retriever.tokens(), 20);
    const Retrieved found = retriever.Retrieve("Which red ship carries coal north?", 8);
    EXPECT_EQ(Join(retriever, found), "red ship sails north\n\nred ship carries coal") << kind;
    EXPECT_EQ(found.tokens, 8);
    EXPECT_FALSE(found.below_threshold || found.over_budget);
    EXPECT_EQ(found.chunks[1].document, 0);
    EXPECT_GT(found.chunks[1].score, 0);
  }
}

TEST_F(Retrievers, BlankLinesCountAgainstTheBudget) {
  RetrieverParts parts = Parts();
  parts.measure.count = [](std::string_view text) { return static_cast<int64_t>(text.size()); };
  RetrievalConfig config = Config("bm25");
  config.chunk_tokens = 24;
  const Retriever retriever(kDocuments, config, parts);
  const int64_t both = 20 + 2 + 23;  // the separator that a chunk began with is of its tokens
  EXPECT_EQ(retriever.Retrieve("north coal", both).tokens, both - 2);
  EXPECT_EQ(retriever.Retrieve("north coal", both - 1).chunks.size(), 1u);
}

TEST_F(Retrievers, WhatIsMoreTogetherThanInPartsStillFitsTheBudget) {
  RetrieverParts parts = Parts();
  parts.measure.count = [](std::string_view text) {
    return CountWords(text) + (text.find("north\n\nred") != std::string_view::npos ? 1 : 0);
  };
  const Retriever retriever(kDocuments, Config("bm25"), parts);
  EXPECT_EQ(retriever.Retrieve("north coal", 9).tokens, 9);
  const Retrieved found = retriever.Retrieve("north coal", 8);
  EXPECT_EQ(found.chunks.size(), 1u);
  EXPECT_EQ(found.tokens, 4);
  EXPECT_FALSE(found.over_budget);
}

TEST_F(Retrievers, ABudgetForAllTakesAllThatHaveToDoWithTheQuestion) {
  EXPECT_EQ(Make(Config("dense")).Retrieve("wall", 1000).chunks.size(), 5u);
  EXPECT_EQ(Make(Config("bm25")).Retrieve("wall", 1000).chunks.size(), 2u);
}

TEST_F(Retrievers, TheBestOneIsTakenThoughItDoesNotFit) {
  const Retriever retriever = Make(Config("bm25"));
  const Retrieved found = retriever.Retrieve("coal", 1);
  EXPECT_EQ(Join(retriever, found), "red ship carries coal");
  EXPECT_TRUE(found.over_budget);
  EXPECT_EQ(found.tokens, 4);
}

TEST_F(Retrievers, AChunkThatDoesNotFitIsPassedOver) {
  const std::vector<Document> documents = {{"a", "alpha beta gamma delta\n\nalpha beta\n\nother words here now"}};
  RetrievalConfig config = Config("bm25");
  config.chunk_tokens = 5;
  const Retriever retriever(documents, config, Parts());
  EXPECT_EQ(Join(retriever, retriever.Retrieve("alpha beta gamma delta", 3)), "alpha beta");
}

TEST_F(Retrievers, TheThresholdIsTheCosineWhateverTheRetriever) {
  for (const char* kind : {"dense", "hybrid"}) {
    RetrievalConfig config = Config(kind);
    config.threshold = 0.999;
    const Retriever retriever = Make(config);
    const Retrieved exact = retriever.Retrieve("grey wall stands firm", 100);
    EXPECT_EQ(Join(retriever, exact), "grey wall stands firm");
    EXPECT_FALSE(exact.below_threshold);
    const Retrieved best = retriever.Retrieve("red wall fell", 100);
    EXPECT_EQ(Join(retriever, best), "red wall fell down") << kind;
    EXPECT_TRUE(best.below_threshold);
  }
}

TEST_F(Retrievers, WhereNothingHasToDoWithTheQuestionTheFirstChunkStandsForAll) {
  const Retriever retriever = Make(Config("bm25"));
  const Retrieved found = retriever.Retrieve("unheard", 100);
  EXPECT_EQ(Join(retriever, found), "red ship sails north");
  EXPECT_TRUE(found.below_threshold);
}

TEST_F(Retrievers, EqualTextsAreTakenOnce) {
  const std::vector<Document> documents = {{"a", "same old words\n\nnew words"}, {"b", "same old words"}};
  RetrievalConfig config = Config("bm25");
  config.chunk_tokens = 3;
  const Retriever retriever(documents, config, Parts());
  ASSERT_EQ(retriever.chunks().size(), 3u);
  const Retrieved found = retriever.Retrieve("same words", 100);
  EXPECT_EQ(Join(retriever, found), "same old words\n\nnew words");
}

TEST_F(Retrievers, EveryIndexFindsTheSameInASmallSet) {
  for (const char* index : {"flat", "hnsw", "ivf"}) {
    RetrievalConfig config = Config("dense");
    config.index = index;
    const Retriever retriever = Make(config);
    EXPECT_EQ(Join(retriever, retriever.Retrieve("blue ship south", 4)), "blue ship sails south") << index;
  }
}

TEST_F(Retrievers, WithoutAnEmbedderThereIsOneRanker) {
  RetrieverParts parts = Parts();
  parts.embedder = nullptr;
  EXPECT_EQ(Retriever(kDocuments, Config("bm25"), parts).rankers().size(), 1u);
  EXPECT_EQ(Make(Config("bm25")).rankers().size(), 3u);
  const auto error = [&](const RetrievalConfig& config) {
    return ErrorText([&] { Retriever(kDocuments, config, parts); });
  };
  EXPECT_EQ(error(Config("hybrid")), "retriever hybrid needs an embedder; name one, or choose the retriever bm25");
  RetrievalConfig config = Config("bm25");
  config.threshold = 0.5;
  EXPECT_EQ(error(config), "a retrieval threshold of 0.5 needs an embedder; name one, or set it to 0");
}

TEST_F(Retrievers, ThereMustBeText) {
  const std::vector<Document> blank = {{"a", " \n\n "}};
  for (const auto& documents : {std::vector<Document>{}, blank}) {
    EXPECT_EQ(ErrorText([&] { Retriever(documents, Config("bm25"), Parts()); }),
              "expected documents with text to retrieve from, got none");
  }
}

TEST_F(Retrievers, ASecondTimeTakesChunksAndVectorsFromTheCache) {
  const TemporaryFolder folder;
  RetrievalConfig config = Config("dense");
  config.cache = folder.path();
  const Retriever first = Make(config);
  EXPECT_FALSE(first.times().cached);
  EXPECT_EQ(embedder_.embedded(), 5);
  RetrieverParts parts = Parts();
  int64_t counted = 0;
  parts.measure.count = [&](std::string_view text) {
    ++counted;
    return CountWords(text);
  };
  const Retriever second(kDocuments, config, parts);
  EXPECT_TRUE(second.times().cached);
  EXPECT_EQ(embedder_.embedded(), 5);
  EXPECT_LE(counted, 3);  // the blank line between chunks
  EXPECT_EQ(Join(second, second.Retrieve("blue south", 4)), Join(first, first.Retrieve("blue south", 4)));
  EXPECT_TRUE(told_.empty());

  config.chunk_tokens = 8;
  EXPECT_FALSE(Make(config).times().cached);
}

TEST_F(Retrievers, ADamagedCacheIsToldAndRenewed) {
  const TemporaryFolder folder;
  RetrievalConfig config = Config("dense");
  config.cache = folder.path();
  Make(config);
  const std::string path = fs::directory_iterator(folder.path())->path().string();
  std::string bytes = ReadFile(path);
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_FALSE(Make(config).times().cached);
  EXPECT_EQ(told_, std::vector<std::string>{"retrieval cache: not used, the documents are read again: " + path +
                                            ": damaged: its checksum differs"});
  EXPECT_TRUE(Make(config).times().cached);
}

TEST_F(Retrievers, ACacheThatCannotBeWrittenCostsALine) {
  const TemporaryFolder folder;
  folder.Write("file", "");
  RetrievalConfig config = Config("dense");
  config.cache = folder / "file/below";
  const Retriever retriever = Make(config);
  EXPECT_EQ(Join(retriever, retriever.Retrieve("blue south", 4)), "blue ship sails south");
  EXPECT_EQ(told_, std::vector<std::string>{"retrieval cache: not kept: cannot make the folder " + config.cache +
                                            ": Not a directory"});
}

TEST(PaperBudget, CountsAsThePaper) {
  EXPECT_EQ(PaperBudget(120'000, 512), 10 * 512);  // a 24th
  EXPECT_EQ(PaperBudget(30'000, 512), 8 * 512);    // 4096
  EXPECT_EQ(PaperBudget(30'000, 128), 32 * 128);
  EXPECT_EQ(PaperBudget(1'000, 512), 2 * 512);  // all
  EXPECT_EQ(PaperBudget(1, 512), 512);
}

TEST(RetrievalConfig, ComesBackFromJson) {
  RetrievalConfig config, copy;
  config.kind = "dense", config.chunk_tokens = 256, config.threshold = 0.3, config.index = "hnsw", config.cache = "off";
  FromJson(ToJson(BindFields(config)), BindFields(copy));
  EXPECT_EQ(ToJson(BindFields(copy)), ToJson(BindFields(config)));
}

}  // namespace
}  // namespace longshot
