// Fuzzes tokenizer.model: the message is taken apart field by field, one of them lies, and it is built again.
#include <bit>

#include "core/error.h"
#include "runtime/text/vocabulary_files.h"
#include "runtime/text/wire_format.h"
#include "tests/fuzz/mutation.h"
#include "tests/fuzz/tokenizer_round_trip.h"

namespace longshot {
namespace {

struct Field {
  WireField head;
  std::string bytes;  ///< of a length-delimited field
};

std::vector<Field> TakeApart(std::string_view message) {
  std::vector<Field> fields;
  WireReader reader(message, "input");
  for (WireField field; reader.Next(field);) fields.push_back({field, std::string(field.bytes)});
  return fields;
}

std::string Build(const std::vector<Field>& fields) {
  WireWriter writer;
  for (const Field& field : fields) {
    switch (field.head.type) {
      case WireField::Type::kBytes:
        writer.Bytes(field.head.id, field.bytes);
        break;
      case WireField::Type::kFixed32:
        writer.Float(field.head.id, std::bit_cast<float>(static_cast<uint32_t>(field.head.number)));
        break;
      default:
        writer.Varint(field.head.id, field.head.number);
    }
  }
  return writer.message();
}

/// A character map as sentencepiece lays it out: the size of a trie in bytes, the trie, then texts.
std::string CharacterMap(Mutation& m) {
  const auto word = [](uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto units = static_cast<uint32_t>(1 + m.Below(300));
  std::string map = word(4 * units);
  for (uint32_t i = 0; i < units; ++i) map += word(static_cast<uint32_t>(m.Number() ^ m.Below(1u << 31) << 1));
  return map + std::string("x\0y\0", 4);
}

void MutateField(Field& field, Mutation& m) {
  if (field.head.type == WireField::Type::kBytes) {
    field.bytes = m.OneIn(2) ? m.Bytes(field.bytes) : m.OneIn(2) ? std::string() : "\xE2\x96\x81" + field.bytes;
  } else if (field.head.type == WireField::Type::kFixed32) {
    const float kScores[] = {0.0f, -1e38f, 1e38f, -1.0f};
    field.head.number = m.OneIn(2) ? m.Number() : std::bit_cast<uint32_t>(kScores[m.Below(4)]);
  } else {
    field.head.number = m.OneIn(2) ? m.Below(8) : m.Number();
  }
}

void MutateFields(std::vector<Field>& fields, Mutation& m) {
  if (fields.empty()) return;
  Field& field = fields[m.Below(fields.size())];
  switch (m.Below(6)) {
    case 0:
      fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(&field - fields.data()));
      return;
    case 1:
      fields.push_back(Field(field));
      return;
    case 2:
      field.head.id = static_cast<uint32_t>(m.OneIn(2) ? 1 + m.Below(8) : 1 + m.Number() % 0x1FFFFFFF);
      return;
    default:
      MutateField(field, m);
  }
}

/// Mutates inside one section (a piece, the trainer's or the normalizer's settings) or among the sections.
std::string MutateModel(std::string_view file, Mutation& m) {
  std::vector<Field> sections = TakeApart(file);
  if (sections.empty() || m.OneIn(6)) {
    MutateFields(sections, m);
    return Build(sections);
  }
  Field& section = sections[m.OneIn(2) ? m.Below(sections.size()) : sections.size() - 1 - m.Below(2) % sections.size()];
  if (section.head.type != WireField::Type::kBytes) return Build(sections);
  std::vector<Field> fields = TakeApart(section.bytes);
  MutateFields(fields, m);
  if (section.head.id == 3 && m.OneIn(4)) {
    fields.push_back({{.id = 2, .type = WireField::Type::kBytes, .number = 0, .bytes = {}}, CharacterMap(m)});
  }
  section.bytes = Build(fields);
  return Build(sections);
}

}  // namespace
}  // namespace longshot

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace longshot;
  // A copy of its own, so that a read before or past the file is seen.
  const std::vector<char> copy(data, data + size);
  try {
    CheckRoundTrip(ReadTokenizerModel({copy.data(), copy.size()}));
  } catch (const Error&) {
    // The right answer to a hostile file.
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace longshot;
  Mutation m(seed);
  if (size == 0 || m.OneIn(10)) return LLVMFuzzerMutate(data, size, max_size);
  const std::string file(reinterpret_cast<const char*>(data), size);
  try {
    return StoreInput(MutateModel(file, m), data, max_size);
  } catch (const Error&) {  // no longer a message: bytes are all there is to change
    return LLVMFuzzerMutate(data, size, max_size);
  }
}
