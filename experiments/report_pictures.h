#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace longshot {

/// The pictures of a report as HTML: speed-up, tau and draft memory against length, acceptance by position, time of a
/// token and of an answer by phase, verification cost against rows.
std::string Pictures(const nlohmann::json& report);

}  // namespace longshot
