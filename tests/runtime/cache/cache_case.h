#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "runtime/cache/cache_identity.h"
#include "runtime/cache/prompt_cache.h"
#include "runtime/model/model.h"
#include "tests/runtime/model/temporary_folder.h"

/// Prompt caches of small models, for tests.
namespace longshot {

/// A decoder of random weights and a few thousand parameters from tests/golden/tiny.
inline std::shared_ptr<const ModelFile> TinyModel(const std::string& name) {
  return std::make_shared<const ModelFile>(
      ModelFile::Open(std::string(LONGSHOT_SOURCE_DIR) + "/tests/golden/tiny/" + name));
}

/// Tokens that seem random, the same for the same seed.
inline std::vector<Token> SomeTokens(int64_t count, int64_t vocab, uint32_t seed) {
  std::vector<Token> tokens;
  uint32_t state = seed * 2654435761u + 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    tokens.push_back(static_cast<Token>((state >> 8) % static_cast<uint64_t>(vocab)));
  }
  return tokens;
}

/// What a refusal says, or "taken".
template <class Body>
std::string ReasonOf(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

}  // namespace longshot
