// Fuzzes the reader of prompt-cache files: header, properties, tokens, and where the sections lie.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/fast_hash.h"
#include "runtime/cache/cache_header.h"
#include "tests/fuzz/mutation.h"

namespace longshot {
namespace {

/// What an accepted header promises: every section can be read to its last byte.
void ReadFile(std::span<const std::byte> file) {
  const uint64_t head = CacheHeaderBytes(file.first(std::min<size_t>(kCachePrologueBytes, file.size())), file.size());
  if (head > file.size()) std::abort();
  const CacheHeader header = ParseCacheHeader(file.first(head), file.size());
  for (uint64_t layer = 0; layer < header.layers; ++layer) {
    IsSealed({file.data() + header.SectionOffset(layer), header.section_bytes()}, layer);
  }
  IdentityDifference(header.identity, {{"model", "m"}, {"cache type", "t"}});
}

/// Writes `value` over bytes at `at`, cut at the end.
void Overwrite(std::string& file, size_t at, uint64_t value) {
  if (at < file.size()) std::memcpy(file.data() + at, &value, std::min(sizeof value, file.size() - at));
}

uint64_t NumberAt(const std::string& file, size_t at) {
  uint64_t value = 0;
  if (at + sizeof value <= file.size()) std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

/// Makes the header's checksum fit: without it nothing behind the prologue would be reached.
void Seal(std::string& file) {
  const uint64_t head = NumberAt(file, 16);
  if (head < kCachePrologueBytes || head > file.size()) return;
  const auto body = std::as_bytes(std::span(file)).subspan(kCachePrologueBytes, head - kCachePrologueBytes);
  Overwrite(file, 24, FastHash(body));
}

void Mutate(std::string& file, Mutation& m) {
  switch (m.Below(6)) {
    case 0:  // version or size of the header
      return Overwrite(file, 8 + 8 * m.Below(2), m.Number());
    case 1:  // rows, layers, bytes of a layer, number of properties, length of the first name
      return Overwrite(file, kCachePrologueBytes + 8 * m.Below(5), m.Number());
    case 2:  // a number a little beside what it was
    {
      const size_t at = kCachePrologueBytes + 8 * m.Below(5);
      return Overwrite(file, at, NumberAt(file, at) + m.Below(5) - 2);
    }
    case 3:
      return file.resize(m.Below(file.size() + 1));
    case 4:
      return file.resize(file.size() + m.Below(3) * kCachePageBytes);
    default:
      if (file.size() > kCachePrologueBytes) {
        file[kCachePrologueBytes + m.Below(file.size() - kCachePrologueBytes)] = static_cast<char>(m.Below(256));
      }
  }
}

}  // namespace
}  // namespace longshot

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace longshot;
  // A copy of its own, so that a read before or past the file is seen.
  const std::vector<uint8_t> file(data, data + size);
  try {
    ReadFile(std::as_bytes(std::span(file)));
  } catch (const Error&) {
    // The right answer to a hostile file.
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace longshot;
  Mutation m(seed);
  if (size == 0 || m.OneIn(10)) return LLVMFuzzerMutate(data, size, max_size);
  std::string file(reinterpret_cast<const char*>(data), size);
  for (size_t i = 0, count = 1 + m.Below(3); i < count; ++i) Mutate(file, m);
  if (!m.OneIn(8)) Seal(file);
  return StoreInput(file, data, max_size);
}
