// labels: unit
#include "tasks/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "core/error.h"
#include "tasks/metrics.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

/// Four characters to a token.
int64_t CountTokens(std::string_view text) { return (std::ssize(text) + 3) / 4; }

std::string ReadAll(const std::vector<std::string>& paths) {
  std::string all;
  for (const std::string& path : paths) {
    std::ifstream in(path);
    all.append(std::istreambuf_iterator<char>(in), {});
  }
  return all;
}

const TaskContext kContext{CountTokens, ReadAll};

TaskConfig Config(const std::string& kind) {
  TaskConfig config;
  config.kind = kind;
  config.count = 3;
  config.length = 1500;
  return config;
}

class MadeTask : public ::testing::TestWithParam<std::string> {};

TEST_P(MadeTask, SameSeedSameSamplesOtherSeedOthers) {
  TaskConfig config = Config(GetParam());
  const auto first = MakeSamples(config, kContext), again = MakeSamples(config, kContext);
  config.seed = 2;
  const auto other = MakeSamples(config, kContext);
  ASSERT_EQ(first.size(), 3u);
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].document, again[i].document);
    EXPECT_EQ(first[i].question, again[i].question);
    EXPECT_EQ(first[i].references, again[i].references);
    EXPECT_NE(first[i].document, other[i].document);
  }
}

TEST_P(MadeTask, DocumentsHaveTheLengthAskedFor) {
  for (const TaskSample& sample : MakeSamples(Config(GetParam()), kContext)) {
    EXPECT_NEAR(static_cast<double>(CountTokens(sample.document)), 1500, 300);
  }
}

TEST_P(MadeTask, TheReferenceItselfScoresFullMarks) {
  const TaskConfig config = Config(GetParam());
  for (const TaskSample& sample : MakeSamples(config, kContext)) {
    std::string answer;
    for (const std::string& reference : sample.references) answer += reference + " ";
    EXPECT_EQ(Score(MetricOf(config), answer, sample), 1) << sample.question;
    EXPECT_EQ(Score(MetricOf(config), "I do not know", sample), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, MadeTask,
                         ::testing::Values("passkey", "needles", "turns", "variables", "copying", "editing"),
                         [](const auto& info) { return info.param; });

TEST(Tasks, TheNumberAskedForStandsInTheDocumentOnce) {
  for (const TaskSample& sample : MakeSamples(Config("needles"), kContext)) {
    const std::string& number = sample.references.at(0);
    const size_t at = sample.document.find(number);
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(sample.document.find(number, at + 1), std::string::npos);
  }
}

TEST(Tasks, TurnsShareOneDocument) {
  const auto samples = MakeSamples(Config("turns"), kContext);
  EXPECT_EQ(samples[0].document, samples[2].document);
  EXPECT_NE(samples[0].references, samples[1].references);
}

TEST(Tasks, CopiedPassagesStandInTheDocument) {
  for (const TaskSample& sample : MakeSamples(Config("copying"), kContext)) {
    EXPECT_NE(sample.document.find(sample.given + sample.references.at(0)), std::string::npos);
    EXPECT_FALSE(sample.given.empty());
  }
}

TEST(Tasks, EditedPassagesDifferInOneWord) {
  for (const TaskSample& sample : MakeSamples(Config("editing"), kContext)) {
    EXPECT_EQ(sample.document.find(sample.given + sample.references.at(0)), std::string::npos);
  }
}

TEST(Tasks, MadeSentencesRarelyRepeat) {
  const std::string document = MakeSamples(Config("passkey"), kContext)[0].document;
  std::vector<std::string> sentences;
  for (size_t at = 0; at < document.size();) {
    const size_t end = std::min(document.find(". ", at), document.size());
    sentences.push_back(document.substr(at, end - at));
    at = end + 2;
  }
  std::sort(sentences.begin(), sentences.end());
  EXPECT_EQ(std::unique(sentences.begin(), sentences.end()), sentences.end());
}

TEST(Tasks, PromptFilesOfThreeLayouts) {
  const TemporaryFolder folder;
  const std::string path = folder / "p.jsonl";
  std::ofstream(path) << R"({"context": "text one", "input": "why?", "answers": ["because"]})"
                      << "\n\n"
                      << R"({"input": "a paper", "instructions": ["q1", "q2"], "outputs": ["o1", "o2"]})"
                      << "\n"
                      << R"({"question_id": 7, "category": "writing", "turns": ["t1", "t2"]})"
                      << "\n";
  TaskConfig config = Config("prompts");
  config.paths = {path};
  config.count = 10;
  const auto samples = MakeSamples(config, kContext);
  ASSERT_EQ(samples.size(), 5u);
  EXPECT_EQ(samples[0].document, "text one");
  EXPECT_EQ(samples[0].references, (std::vector<std::string>{"because"}));
  EXPECT_EQ(samples[2].question, "q2");
  EXPECT_EQ(samples[2].references, (std::vector<std::string>{"o2"}));
  EXPECT_EQ(samples[2].document, "a paper");
  EXPECT_EQ(samples[4].question, "t1\n\nt2");
  config.categories = {"writing"};
  EXPECT_EQ(MakeSamples(config, kContext).size(), 2u) << "the turns alone have a category";
  config.categories = {"math"};
  EXPECT_THROW(MakeSamples(config, kContext), Error) << "no question is left";
  std::ofstream(path, std::ios::app) << "not json\n";
  EXPECT_THROW(MakeSamples(config, kContext), Error);
}

TEST(Tasks, CodeContinuesWhereTheDocumentEnds) {
  const TemporaryFolder folder;
  const std::string path = folder / "code.txt";
  std::ofstream out(path);
  for (int i = 0; i < 400; ++i) out << "int value_" << i << " = " << i * 7 << ";\n";
  out.close();
  TaskConfig config = Config("code");
  config.paths = {path};
  const std::string all = ReadAll({path});
  for (const TaskSample& sample : MakeSamples(config, kContext)) {
    EXPECT_NE(all.find(sample.document + sample.references.at(0)), std::string::npos);
    EXPECT_LE(CountTokens(sample.document), 1600);
  }
}

TEST(Tasks, WindowsOfATextFollowOneAnother) {
  const TemporaryFolder folder;
  const std::string path = folder / "text.txt";
  std::ofstream out(path);
  for (int i = 0; i < 1000; ++i) out << "line " << i << " of a text\n";
  out.close();
  TaskConfig config = Config("perplexity");
  config.paths = {path};
  const auto samples = MakeSamples(config, kContext);
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_TRUE(ReadAll({path}).starts_with(samples[0].document + samples[1].document + samples[2].document));
  for (const TaskSample& sample : samples) EXPECT_NEAR(static_cast<double>(CountTokens(sample.document)), 1500, 10);
  config.count = 100;  // the rest of the text is shorter than a window: left out
  EXPECT_EQ(MakeSamples(config, kContext).size(), 3u);
  config.metric = "f1";
  EXPECT_THROW(MetricOf(config), Error);
}

TEST(Tasks, WhatATaskNeedsIsNamed) {
  for (const std::string kind : {"prompts", "documents", "code", "perplexity"}) {
    try {
      MakeSamples(Config(kind), kContext);
      FAIL() << kind;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("`paths`"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace longshot
