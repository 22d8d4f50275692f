// labels: unit
#include "experiments/table.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "experiments/compare.h"
#include "experiments/report.h"
#include "experiments/report_tables.h"
#include "tests/experiments/made_cell.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

using nlohmann::json;

class Cells : public testing::Test {
 protected:
  /// Two questions, one repetition: plain decoding in 1000 ms, `copy` in 500 and 800.
  std::vector<MadeCell> Pairs() const {
    return {{.id = "a", .place = {0, 0, 0, 0, 0}, .prompt = "p"},
            {.id = "b",
             .drafter = "copy",
             .place = {0, 0, 0, 0, 1},
             .decode_ms = 500,
             .passes = 50,
             .drafts = 40,
             .accepted = {30, 20},
             .prompt = "p"},
            {.id = "c", .place = {0, 0, 1, 0, 0}, .prompt = "q"},
            {.id = "d",
             .drafter = "copy",
             .place = {0, 0, 1, 0, 1},
             .decode_ms = 800,
             .passes = 80,
             .drafts = 40,
             .accepted = {10},
             .prompt = "q"}};
  }
  CellStore& Store(const std::vector<MadeCell>& cells) {
    store_ = std::make_unique<CellStore>(folder_ / "run");
    for (const MadeCell& cell : cells) store_->Put(ToCell(cell));
    return *store_;
  }
  json Report(const std::vector<MadeCell>& cells, int64_t planned = 4) {
    const json experiment = {{"name", "made"}, {"about", ""}, {"source", ""}, {"published", json::array()}};
    return MakeReport({experiment, planned}, Store(cells));
  }

  TemporaryFolder folder_;
  std::unique_ptr<CellStore> store_;
};

TEST_F(Cells, ALineIsMediansOfPairs) {
  const std::vector<TableLine> table = MakeTable(Store(Pairs()));
  ASSERT_EQ(table.size(), 2u);
  const TableLine& copy = table[1];
  EXPECT_EQ(copy.pairs, 2);
  EXPECT_EQ(copy.prompts, 2);
  EXPECT_DOUBLE_EQ(copy.decode.median, (2.0 + 1.25) / 2);
  // With 500 ms of reading on both sides: 1500/1000 and 1500/1300.
  EXPECT_DOUBLE_EQ(copy.latency.median, (1.5 + 1500.0 / 1300) / 2);
  EXPECT_DOUBLE_EQ(copy.ms_per_token, 6.5);
  EXPECT_DOUBLE_EQ(copy.tau_pooled, 200.0 / 130);
  EXPECT_DOUBLE_EQ(copy.tau_mean, (2 + 1.25) / 2);
  EXPECT_EQ(copy.acceptance, (std::vector<double>{0.5, 0.25}));
  EXPECT_DOUBLE_EQ(copy.reading_ms, 500);
}

TEST_F(Cells, NoSpeedUpFromOnePromptOrAfterAFailure) {
  std::vector<MadeCell> cells = Pairs();
  for (MadeCell& cell : cells) cell.prompt = "p";
  EXPECT_FALSE(ToJson(MakeTable(Store(cells))[1]).contains("decode_speedup"));
  cells = Pairs();
  EXPECT_TRUE(ToJson(MakeTable(Store(cells))[1]).contains("decode_speedup"));
  cells[1].failed = "never proposed";
  EXPECT_FALSE(ToJson(MakeTable(Store(cells))[1]).contains("decode_speedup"));
}

TEST_F(Cells, LoopsAreLeftOutWhereOthersRemain) {
  std::vector<MadeCell> cells = Pairs();
  cells[3].looping = true;
  TableLine copy = MakeTable(Store(cells))[1];
  EXPECT_EQ(copy.looping, 1);
  EXPECT_EQ(copy.pairs, 2) << "one alone says nothing: all are taken";
  cells.push_back({.id = "e", .place = {0, 0, 2, 0, 0}, .prompt = "r"});
  cells.push_back(
      {.id = "f", .drafter = "copy", .place = {0, 0, 2, 0, 1}, .decode_ms = 250, .drafts = 1, .prompt = "r"});
  copy = MakeTable(Store(cells))[1];
  EXPECT_EQ(copy.pairs, 2);
  EXPECT_DOUBLE_EQ(copy.decode.median, 3) << "of 2 and 4, the loop left out";
}

TEST_F(Cells, OutputsOtherThanPlainDecodingsAreCounted) {
  std::vector<MadeCell> cells = Pairs();
  cells[1].output = "other";
  EXPECT_EQ(MakeTable(Store(cells))[1].different, 1);
  EXPECT_NE(Summary(Report(cells)).find("1 outputs differ"), std::string::npos);
}

TEST_F(Cells, LengthsBecomeColumnsAndMissingCellsAreTold) {
  EXPECT_TRUE(LengthTables(Report(Pairs())).empty()) << "one length";
  std::vector<MadeCell> cells = Pairs();
  for (const MadeCell& cell : Pairs()) {
    cells.push_back(cell);
    cells.back().id += "2", cells.back().length = "2000", cells.back().place[0] = 1;
  }
  const std::vector<TextTable> tables = LengthTables(Report(cells, 10));
  ASSERT_EQ(tables.size(), 1u);
  ASSERT_EQ(tables[0].columns.size(), 4u);
  EXPECT_EQ(tables[0].columns[2].title, "1000");
  EXPECT_EQ(tables[0].columns[3].title, "2000");
  ASSERT_EQ(tables[0].rows.size(), 1u);
  EXPECT_EQ(tables[0].rows[0].cells,
            (std::vector<std::string>{"questions", "copy", "1.62 (1.25-2.00)", "1.62 (1.25-2.00)"}));
  EXPECT_NE(Summary(Report(cells, 10)).find("2 of 10 cells are still to be made"), std::string::npos);
}

TEST_F(Cells, TasksTogetherAreThoseWithEveryFigure) {
  std::vector<MadeCell> cells;
  const auto add = [&](const std::string& task, int64_t number, const char* length, bool one_prompt) {
    for (MadeCell cell : Pairs()) {
      cell.id += task + length, cell.task = task, cell.length = length;
      cell.place[0] = length[0] - '0', cell.place[1] = number;
      if (one_prompt) cell.prompt = "p";
      cells.push_back(cell);
    }
  };
  add("questions", 0, "1000", false), add("questions", 0, "2000", false);
  add("editing", 1, "1000", false), add("editing", 1, "2000", false);
  add("copying", 2, "1000", false), add("copying", 2, "2000", true);  // no figure at one length
  const TextTable table = LengthTables(Report(cells, 24)).at(0);
  EXPECT_EQ(table.note, "Together: geometric means of the medians of questions, editing.");
  EXPECT_EQ(table.rows.back().cells.at(0), "together");
  EXPECT_EQ(table.rows.back().cells.at(2), "1.62");
}

TEST_F(Cells, TwoCellsOfOnePlaceAreRefused) {
  std::vector<MadeCell> cells = Pairs();
  cells.push_back(cells[1]);
  cells.back().id = "of another document";
  EXPECT_THROW(Report(cells), Error);
}

TEST_F(Cells, MemoryIsToldOnceForEachLoadedModel) {
  const json report = Report(Pairs());
  ASSERT_EQ(report["memory"].size(), 1u);
  EXPECT_EQ(report["memory"][0]["draft_held"]["copy"], 7);
  EXPECT_EQ(MemoryTableOf(report).rows.size(), 1u);
}

TEST_F(Cells, AComparisonFlagsWhatGotWorse) {
  const json before = Report(Pairs());
  std::vector<MadeCell> cells = Pairs();
  EXPECT_FALSE(CompareReports(before, Report(cells), 0.03).Regressed());
  cells[1].decode_ms = 600, cells[3].decode_ms = 960;
  EXPECT_TRUE(CompareReports(before, Report(cells), 0.03).Regressed()) << "a sixth slower, both times";
  EXPECT_FALSE(CompareReports(before, Report(cells), 0.3).Regressed());
  cells = Pairs();
  cells[1].decode_ms = 600;
  EXPECT_FALSE(CompareReports(before, Report(cells), 0.03).Regressed()) << "one of two is slower";
  cells[1].output = "other";
  EXPECT_TRUE(CompareReports(before, Report(cells), 0.03).Regressed()) << "an exact output differs";
}

TEST_F(Cells, WhatIsNoCellIsRefused) {
  Store(Pairs());
  for (const char* text : {"{}", "[]", "{\"id\": \"x\"}", "nonsense", "\"x\""}) {
    folder_.Write("run/cells/x.json", text);
    EXPECT_THROW(CellStore(folder_ / "run"), Error) << text;
  }
  json cell = ToCell({.id = "x"});
  for (const char* key : {"metrics", "place", "memory_bytes", "axes", "failed"}) {
    json broken = cell;
    broken[key] = 3;
    folder_.Write("run/cells/x.json", broken.dump());
    EXPECT_THROW(CellStore(folder_ / "run"), Error) << key;
  }
  cell["id"] = "y";
  folder_.Write("run/cells/x.json", cell.dump());
  EXPECT_THROW(CellStore(folder_ / "run"), Error) << "a name that is another cell's";
}

}  // namespace
}  // namespace longshot
