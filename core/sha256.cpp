#include "core/sha256.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace longshot {
namespace {

/// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
const std::array<uint32_t, 64>& RoundConstants() {
  static const auto constants = [] {
    std::array<uint32_t, 64> k{};
    int found = 0;
    for (int n = 2; found < 64; ++n) {
      bool prime = true;
      for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
      if (!prime) continue;
      const long double root = cbrtl(static_cast<long double>(n));
      k[found++] = static_cast<uint32_t>((root - floorl(root)) * 0x1p32L);
    }
    return k;
  }();
  return constants;
}

}  // namespace

void Sha256::Compress(const uint8_t* block) {
  const auto& k = RoundConstants();
  std::array<uint32_t, 64> w{};
  for (int i = 0; i < 16; ++i) {
    w[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 | uint32_t{block[4 * i + 2]} << 8 |
           uint32_t{block[4 * i + 3]};
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (int i = 0; i < 64; ++i) {
    const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i];
    const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<uint32_t, 8> add{a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) state_[i] += add[i];
}

void Sha256::Update(std::span<const std::byte> bytes) {
  const auto* p = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  while (left > 0) {
    const size_t used = length_ % 64, take = std::min<size_t>(64 - used, left);
    std::memcpy(block_.data() + used, p, take);
    length_ += take, p += take, left -= take;
    if (length_ % 64 == 0) Compress(block_.data());
  }
}

std::string Sha256::HexDigest() {
  const uint64_t bits = length_ * 8;
  const std::array<uint8_t, 64> padding{0x80};
  const size_t pad = (length_ % 64 < 56 ? 56 : 120) - length_ % 64;
  Update(std::as_bytes(std::span(padding).first(std::min<size_t>(pad, 64))));
  std::array<uint8_t, 8> tail;
  for (int i = 0; i < 8; ++i) tail[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  Update(std::as_bytes(std::span(tail)));
  std::string hex;
  for (uint32_t word : state_) hex += fmt::format("{:08x}", word);
  return hex;
}

std::string Sha256Hex(const std::string& text) {
  Sha256 hash;
  hash.Update(text);
  return hash.HexDigest();
}

}  // namespace longshot
