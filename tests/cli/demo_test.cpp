// labels: real
// The demo on a short document: what it tells of each answer, and that the document is read once.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

TEST(Demo, AnswersAsPlainDecodingDoesFromADocumentThatIsReadOnce) {
  if (!HasModel()) GTEST_SKIP() << "no default model: make model";
  const TemporaryFolder folder;
  std::string document;
  for (int i = 1; i <= 150; ++i)
    document += fmt::format("Clause {}: the tenant of house {} pays on day {}.\n", i, i, i);
  folder.Write("document", document);
  const std::string report = folder / "report";
  const Outcome outcome =
      RunLongshot({"demo", "-m", kModel, "--doc", folder / "document", "-n", "24", "-r", "1", "--json", report});
  // Whether a drafter proposes in so short a context depends on the machine.
  EXPECT_TRUE(outcome.status == 0 || outcome.err.find("proposed no token in any run") != std::string::npos)
      << outcome.err;
  const nlohmann::json table = nlohmann::json::parse(ReadFile(report))["table"];
  ASSERT_EQ(table.size(), 10u) << "two tasks by five drafters";
  for (const nlohmann::json& line : table) {
    EXPECT_TRUE(line["byte_identical"]) << line;
    EXPECT_EQ(line["runs"], 1);
    EXPECT_GT(line["tokens"], 0);
  }
  // Each clause has more than 12 tokens; an answer reads its question and at most 512 rows that drafters want to see.
  size_t whole = 0;
  for (size_t at = 0; (at = outcome.err.find("prefill ", at)) != std::string::npos; ++at) {
    whole += std::strtol(outcome.err.c_str() + at + 8, nullptr, 10) > 1500 &&
             outcome.err.find(" ms (", at) < outcome.err.find('\n', at);
  }
  EXPECT_EQ(whole, 1u) << outcome.err;
}

}  // namespace
}  // namespace longshot
