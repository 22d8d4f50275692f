// labels: real slow
// Exactness test 8 through the command: a document of more than 6,000 tokens and every drafter, each run with a prompt
// pass of its own, as the drafter asks for it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "drafters/registry.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

constexpr const char* kText = "/usr/share/common-licenses/GPL-3";

TEST(GenerateDrafters, TheTextIsThatOfPlainDecoding) {
  if (!HasModel()) GTEST_SKIP() << "no default model: run `make model`";
  if (!std::filesystem::exists(kText)) GTEST_SKIP() << kText << " is missing: install the package base-files";
  const TemporaryFolder folder;
  const std::string text = ReadFile(kText);
  folder.Write("document", text.substr(0, text.rfind('\n', 31000)));
  const std::string question = "Repeat this section word for word, then explain it:\n\n" + text.substr(4000, 1200);
  std::string plain;
  for (const DrafterEntry& entry : Drafters()) {
    std::vector<std::string> arguments({"generate",
                                        "-m",
                                        kModel,
                                        "--doc",
                                        folder / "document",
                                        "-p",
                                        question,
                                        "-n",
                                        "40",
                                        "--ignore-eos",
                                        "--temp",
                                        "0.8",
                                        "-s",
                                        "7",
                                        "-t",
                                        "2",
                                        "--json",
                                        folder / "report",
                                        "--spec-type",
                                        std::string(entry.name),
                                        "--spec-draft-n-max",
                                        "8"});
    if (entry.name == "rag") arguments.insert(arguments.end(), {"--spec-rag-retriever", "bm25", "--spec-rag-cache", "off"});
    if (entry.name == "draft-simple") arguments.insert(arguments.end(), {"-md", kModel});
    const Outcome outcome = RunLongshot(arguments);
    ASSERT_EQ(0, outcome.status) << entry.name << ": " << outcome.err;
    const auto report = nlohmann::json::parse(ReadFile(folder / "report"));
    EXPECT_GT(report["timings"]["prompt_n"].get<int64_t>(), 6000);
    EXPECT_EQ(40, report["timings"]["predicted_n"].get<int64_t>());
    // What auto does depends on the machine's speed.
    if (entry.name != "auto") {
      EXPECT_EQ(entry.name == "none", report["timings"]["draft_n"].get<int64_t>() == 0) << entry.name;
    }
    if (plain.empty()) plain = outcome.out;
    EXPECT_EQ(plain, outcome.out) << entry.name;
  }
  EXPECT_FALSE(plain.empty());
}

}  // namespace
}  // namespace longshot
