#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace longshot {

/// What a cell of a test says; everything else is as in a run that went well.
struct MadeCell {
  std::string id, drafter = "none", task = "questions", length = "1000";
  std::vector<int64_t> place = {0, 0, 0, 0, 0};  ///< setting, task, question, repetition, drafter
  double decode_ms = 1000, prefill_ms = 500;
  int64_t tokens = 100, passes = 100, drafts = 0;
  std::vector<int64_t> accepted = {};
  std::string output = "same", failed = "", prompt = "p";
  bool looping = false;
};

inline nlohmann::json ToCell(const MadeCell& made) {
  return {{"id", made.id},
          {"task", made.task},
          {"sample", "s"},
          {"drafter", made.drafter},
          {"method", made.drafter},
          {"metric", "none"},
          {"question", "?"},
          {"exactness", "exact"},
          {"output_sha256", made.output},
          {"failed", made.failed},
          {"prompt_sha256", made.prompt},
          {"model_sha256", "m"},
          {"looping", made.looping},
          {"axes", {{"task.length", made.length}}},
          {"place", made.place},
          {"metrics",
           {{"emitted_tokens", made.tokens},
            {"target_passes", made.passes},
            {"spec_decode_num_drafts", made.drafts},
            {"mean_acceptance_length", static_cast<double>(made.tokens) / static_cast<double>(made.passes)},
            {"spec_decode_num_accepted_tokens_per_pos", made.accepted},
            {"arms", nlohmann::json::object()}}},
          {"timings", {{"predicted_n", made.tokens}, {"predicted_ms", made.decode_ms}}},
          {"phases_ms", {{"score", made.decode_ms}}},
          {"draft_plan", nlohmann::json::object()},
          {"memory_bytes", {{"weights", 100}, {"target_kv", 50}, {"scratch", 5}, {"draft_held", 7}}},
          {"settings", nlohmann::json::object()},
          {"device", nlohmann::json::object()},
          {"build", nlohmann::json::object()},
          {"proposers", nlohmann::json::array()},
          {"repetition", made.place[3]},
          {"seed", 1},
          {"prompt_tokens", 1000},
          {"prefill_ms", made.prefill_ms}};
}

}  // namespace longshot
