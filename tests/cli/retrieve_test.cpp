// labels: unit
// `longshot retrieve` by words, with the tokenizer of a tiny checkpoint: what it prints, keeps and refuses.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

constexpr const char* kText =
    "The bridge was closed in March because of rust.\n\n"
    "A ferry took its place until May.\n\n"
    "The mayor paid for the ferry himself.\n";

class Retrieve : public testing::Test {
 protected:
  Retrieve() {
    for (const fs::directory_entry& file : fs::directory_iterator(LONGSHOT_SOURCE_DIR "/tests/golden/tiny/qwen2")) {
      fs::copy_file(file.path(), folder_ / file.path().filename().string());
    }
    folder_.Write("tokenizer.json", testing_text::ToTokenizerJson(testing_text::ByteLevel("gpt-2", {})).dump());
    fs::create_directories(folder_ / "docs");
    folder_.Write("docs/report.txt", kText);
    folder_.Write("docs/other.txt", "Nothing of interest happened in the other town.\n");
  }
  /// A token is a byte: a chunk of 60 holds a sentence.
  Outcome Run(std::vector<std::string> more) const {
    std::vector<std::string> arguments{"retrieve",
                                       "-m",
                                       folder_.path(),
                                       "--doc",
                                       folder_ / "docs",
                                       "--spec-rag-retriever",
                                       "bm25",
                                       "--spec-rag-chunk-tokens",
                                       "60",
                                       "--spec-rag-cache",
                                       folder_ / "cache"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunLongshot(arguments);
  }

  const TemporaryFolder folder_;
};

TEST_F(Retrieve, JsonNamesThePlacesOfTheTexts) {
  const Outcome outcome = Run({"-p", "Who paid for the ferry?", "--spec-rag-budget", "80", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(report["retriever"], "bm25");
  EXPECT_EQ(report["budget_tokens"], 80);
  EXPECT_FALSE(report["times_ms"]["cached"]);
  ASSERT_EQ(report["chunks"].size(), 2u);
  EXPECT_EQ(report["chunks"][0]["text"], "A ferry took its place until May.");
  EXPECT_EQ(report["chunks"][1]["text"], "The mayor paid for the ferry himself.");
  for (const auto& chunk : report["chunks"]) {
    EXPECT_EQ(chunk["path"], folder_ / "docs/report.txt");
    EXPECT_EQ(std::string(kText).substr(chunk["offset"], chunk["length"]), chunk["text"]);
    EXPECT_GT(chunk["score"], 0);
  }
  const auto& ranking = report["rankings"]["bm25"];
  ASSERT_EQ(ranking.size(), 2u);
  EXPECT_EQ(ranking[0]["offset"], report["chunks"][1]["offset"]);
  EXPECT_GT(ranking[0]["score"], ranking[1]["score"]);
}

TEST_F(Retrieve, TheTableMarksWhatIsTaken) {
  const Outcome outcome = Run({"-p", "Who paid for the ferry?", "--spec-rag-budget", "40"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("*     1 "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("docs/report.txt 84+37 The mayor paid for the ferry himself.\n"), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("bm25: 1 of 4 passages taken (*), 37 tokens of a budget of 40; 2 documents"),
            std::string::npos)
      << outcome.out;
}

TEST_F(Retrieve, ASecondQuestionTakesThePassagesFromTheCache) {
  const std::vector<std::string> arguments = {"-p", "Why was the bridge closed?", "--json"};
  const auto first = nlohmann::json::parse(Run(arguments).out), second = nlohmann::json::parse(Run(arguments).out);
  EXPECT_TRUE(second["times_ms"]["cached"]);
  EXPECT_EQ(first["chunks"], second["chunks"]);
  const std::string path = fs::directory_iterator(folder_ / "cache")->path().string();
  WriteFileAtomically(path, ReadFile(path).substr(0, 150));
  const Outcome third = Run(arguments);
  EXPECT_EQ(nlohmann::json::parse(third.out)["chunks"], first["chunks"]);
  EXPECT_NE(third.err.find("retrieval cache: not used, the documents are read again: " + path + ": truncated"),
            std::string::npos)
      << third.err;
}

TEST_F(Retrieve, WhatIsWrongIsToldInALine) {
  const std::string model = folder_.path(), doc = folder_ / "docs/report.txt";
  ExpectFailure(RunLongshot({"retrieve", "-m", model, "-p", "x"}), 2, "expected documents with --doc");
  ExpectFailure(RunLongshot({"retrieve", "-m", model, "--doc", doc, "-p", " "}), 2, "expected a question with -p");
  ExpectFailure(
      RunLongshot({"retrieve", "-m", model, "--doc", doc, "-p", "x", "--spec-rag-embedder", folder_ / "none"}), 1,
      "--spec-rag-embedder takes the folder of a BERT encoder, or choose --spec-rag-retriever bm25");
  ExpectFailure(RunLongshot({"retrieve", "--spec-rag-retriever", "tfidf"}), 2, "one of auto, hybrid, dense, bm25");
  ExpectFailure(RunLongshot({"retrieve", "-m", model, "--doc", doc, "-p", "x", "--spec-rag-retriever", "bm25",
                             "--spec-rag-threshold", "0.5"}),
                2, "needs an embedder");
}

}  // namespace
}  // namespace longshot
