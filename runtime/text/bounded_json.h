#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace longshot {

/// Parses JSON from an untrusted file: at most 64 MiB, 64 levels deep, 8 million values.
/// `what` names the file in errors. Errors: kFormat.
nlohmann::json ParseBoundedJson(std::string_view text, std::string_view what);

}  // namespace longshot
