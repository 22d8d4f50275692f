#pragma once

#include <span>
#include <string>
#include <string_view>

namespace longshot {

/// Edits (insert, delete, replace, swap of neighbours) between two names. Cost O(|a| |b|).
/// Source: Damerau 1964, restricted form (optimal string alignment).
int EditDistance(std::string_view a, std::string_view b);

/// The candidate with the fewest edits to `name`, the first of equals; empty when there is none.
std::string_view Nearest(std::string_view name, std::span<const std::string> candidates);

}  // namespace longshot
