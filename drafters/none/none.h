#pragma once

#include "runtime/spec/drafter.h"

namespace longshot {

/// Proposes nothing: plain decoding through the same loop as every other drafter.
class NoneDrafter final : public Drafter {
 public:
  std::string_view name() const override { return "none"; }
  void Begin(const DraftContext&) override {}
  void Propose(std::span<const Token>, const DraftBudget&, TokenTree&) override {}
  void Observe(const RoundView&) override {}
};

}  // namespace longshot
