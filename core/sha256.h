#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace longshot {

/// Incremental SHA-256 (FIPS 180-4): identifies model files, outputs and configurations.
class Sha256 {
 public:
  void Update(std::span<const std::byte> bytes);
  void Update(const std::string& text) { Update(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Lower-case hex digest. The object may not be updated afterwards.
  std::string HexDigest();

 private:
  void Compress(const uint8_t* block);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_{};
  uint64_t length_ = 0;
};

std::string Sha256Hex(const std::string& text);

}  // namespace longshot
