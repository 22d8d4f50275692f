#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace longshot {

/// Choices of one structure-aware mutation, all drawn from libFuzzer's seed.
class Mutation {
 public:
  explicit Mutation(unsigned seed) : random_(seed) {}

  /// Uniform in [0, count). REQUIRES: count > 0.
  size_t Below(size_t count) { return random_() % count; }
  bool OneIn(size_t count) { return Below(count) == 0; }

  /// A number that loaders get wrong: 0, small ones, powers of two and their neighbours up to 2^64 - 1.
  uint64_t Number() {
    if (OneIn(4)) return Below(9);
    const uint64_t power = uint64_t{1} << Below(64);
    const uint64_t neighbours[] = {power, power - 1, power + 1, 0 - power, ~power};
    return neighbours[Below(5)];
  }

  /// libFuzzer's own byte mutations, growing by at most 64 bytes.
  std::string Bytes(std::string text) {
    const size_t size = text.size();
    text.resize(size + 64);
    text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(text.data()), size, text.size()));
    return text;
  }

  /// Replaces one run of digits by an interesting number, or mutates bytes where there is none.
  std::string Digits(const std::string& text) {
    const size_t from = text.empty() ? 0 : Below(text.size());
    size_t begin = text.find_first_of("0123456789", from);
    if (begin == std::string::npos) begin = text.find_first_of("0123456789");
    if (begin == std::string::npos) return Bytes(text);
    while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
    size_t end = text.find_first_not_of("0123456789", begin);
    if (end == std::string::npos) end = text.size();
    return text.substr(0, begin) + std::to_string(Number()) + text.substr(end);
  }

 private:
  std::minstd_rand random_;
};

/// Writes a mutated input back. Returns its size, cut to `max_size`.
inline size_t StoreInput(const std::string& input, uint8_t* data, size_t max_size) {
  return input.copy(reinterpret_cast<char*>(data), max_size);
}

}  // namespace longshot
