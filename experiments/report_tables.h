#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/text_table.h"

namespace longshot {

/// Drafters of a report in the order of the experiment.
std::vector<std::string> DraftersOf(const nlohmann::json& report);

/// Where a line stands on the axis of lengths: at its axis, or, where documents are what they are, at the mean of all.
double LengthOf(const nlohmann::json& line, const nlohmann::json& report);

/// One table for each setting and task, a line for each drafter.
std::vector<TextTable> SettingTables(const nlohmann::json& report);

/// Speed-ups of decoding with a column for each length of prompts, as the experiment's axis has them: tasks by lines,
/// and below them the tasks that every drafter has figures of at every length (geometric mean of the medians). Empty
/// where there is one length.
std::vector<TextTable> LengthTables(const nlohmann::json& report);

/// What the runs held in memory, and what each drafter held beside it.
TextTable MemoryTableOf(const nlohmann::json& report);

/// Which drafter was fastest how often; loops, differences, failures, and cells that are not there yet.
std::string Summary(const nlohmann::json& report);

}  // namespace longshot
