// The safetensors reader: what it reads, and each way a file or an index of shards can lie.
#include "runtime/model/safetensors.h"

#include <gtest/gtest.h>

#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/safetensors_writer.h"

namespace longshot {
namespace {

std::string ErrorOf(const std::string& file) {
  return ErrorText([&] { ParseSafetensors(ExactBytes(file).span()); });
}

/// One tensor "t" with the given fields and 16 data bytes.
std::string HeaderError(const std::string& fields) {
  return ErrorOf(SafetensorsWriter::Build(fmt::format(R"({{"t":{{{}}}}})", fields), std::string(16, 'x')));
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  SafetensorsWriter writer;
  writer.Add("b", "F32", {2, 2}, 4);
  writer.Add("a", "BF16", {3}, 2);
  writer.Add("scalar", "I64", {}, 8);
  const ExactBytes bytes(writer.Build());
  const auto tensors = ParseSafetensors(bytes.span());
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].name, "b");
  EXPECT_EQ(tensors[0].shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(tensors[1].dtype, "BF16");
  EXPECT_EQ(tensors[1].bytes.size(), 6u);
  EXPECT_EQ(tensors[2].bytes.size(), 8u);
  EXPECT_EQ(std::memcmp(tensors[1].bytes.data(), writer.tensors[1].data.data(), 6), 0);
  EXPECT_EQ(DTypeFromSafetensors("BF16"), DType::kBF16);
  EXPECT_EQ(DTypeFromSafetensors("I64"), std::nullopt);
}

TEST(Safetensors, PaddingIsSpacesOnly) {
  SafetensorsWriter writer;
  writer.Add("t", "F32", {4}, 4);
  const std::string wrong = "safetensors header is not a JSON object padded with spaces";
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(writer.Header() + "   ", writer.Data())), "no error");
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(writer.Header() + "\n", writer.Data())), wrong);
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(fmt::format(" {}", writer.Header()), writer.Data())), wrong);
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build("", "")), wrong);
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build("[]", "")), wrong);
}

TEST(Safetensors, TruncationAnywhereIsAnError) {
  const std::string file = TinyCheckpoint().Build();
  for (size_t length = 0; length < file.size(); length = length < 2500 ? length + 1 : length + 4097) {
    EXPECT_NE(ErrorOf(file.substr(0, length)), "no error") << length;
  }
  EXPECT_EQ(ErrorOf(file), "no error");
  EXPECT_EQ(ErrorOf("1234"),
            "safetensors header length at byte 0 needs 8 bytes, but the file has 4 left: truncated or damaged");
}

TEST(SafetensorsHostile, HeaderLength) {
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(100, "{}", "")),
            "safetensors header at byte 8 needs 100 bytes, but the file has 2 left: truncated or damaged");
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(~uint64_t{0}, "{}", "")),
            "safetensors header of 18446744073709551615 bytes, more than the limit of 100000000");
}

TEST(SafetensorsHostile, OffsetsHolesAndOverlap) {
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])"), "no error");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[8],"data_offsets":[0,32])"),
            "safetensors tensor t lies at [0, 32) of 16 data bytes, expected to begin at 0: damaged or "
            "hostile file");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])"),
            "safetensors tensor t lies at [8, 16) of 16 data bytes, expected to begin at 0: damaged or "
            "hostile file");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"),
            "safetensors file has 16 data bytes, but its tensors end at 8: damaged or hostile file");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[2],"data_offsets":[16,8])"),
            "safetensors tensor t lies at [16, 8) of 16 data bytes, expected to begin at 0: damaged or "
            "hostile file");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[4],"data_offsets":[0])"),
            "safetensors tensor t has 1 data_offsets, expected 2");
  const std::string both = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                           R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})";
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(both, std::string(12, 'x'))),
            "safetensors tensor b lies at [4, 12) of 12 data bytes, expected to begin at 8: damaged or "
            "hostile file");
}

TEST(SafetensorsHostile, SizesAndTypes) {
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[5],"data_offsets":[0,16])"),
            "safetensors tensor t has 16 data bytes, but its type and shape need 20");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16])"),
            "safetensors tensor size: size overflows");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[0,4],"data_offsets":[0,16])"),
            "safetensors tensor t has a dimension of 0");
  EXPECT_EQ(HeaderError(R"("dtype":"F4","shape":[4],"data_offsets":[0,16])"),
            "safetensors tensor t has type F4; supported: F32, F16, BF16");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16])"),
            "safetensors tensor t has more than 8 dimensions");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[-4],"data_offsets":[0,16])"),
            "safetensors header has a negative number where it does not belong, in entry t");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[1e3],"data_offsets":[0,16])"),
            "safetensors header has a fraction where it does not belong, in entry t");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,16])"),
            "safetensors header has a number past 2^63 where it does not belong, in entry t");
}

TEST(SafetensorsHostile, DuplicatesAndUnknownFields) {
  const std::string tensor = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(fmt::format(R"({{"t":{0},"t":{0}}})", tensor), "1234")),
            "safetensors header has t twice: damaged or hostile file");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16])"),
            "safetensors tensor t has twice the field dtype");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[4],"data_offsets":[0,16],"extra":1)"),
            "safetensors tensor t has an unknown field extra");
  EXPECT_EQ(HeaderError(R"("dtype":"F32","shape":[4])"), "safetensors tensor t lacks dtype, shape or data_offsets");
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(R"({"__metadata__":{"a":"1","a":"2"}})", "")),
            "safetensors header has __metadata__.a twice: damaged or hostile file");
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(R"({"__metadata__":{"a":{}}})", "")),
            "safetensors header has an object where it does not belong, in entry __metadata__");
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(R"({"t":[]})", "")),
            "safetensors header has an array where it does not belong, in entry t");
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build("{\"t\":nul}", "")), "safetensors header is not valid JSON at byte 9");
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build("{} {}", "")), "safetensors header is not valid JSON at byte 4");
}

// Class: recursion. Nesting is refused where it begins.
TEST(SafetensorsHostile, DeepNesting) {
  EXPECT_EQ(ErrorOf(SafetensorsWriter::Build(fmt::format("{{\"t\":{}}}", std::string(1000000, '[')), "")),
            "safetensors header has an array where it does not belong, in entry t");
}

TEST(ShardIndex, ReadsTheMap) {
  const auto shards =
      ParseShardIndex(R"({"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})", "index");
  EXPECT_EQ(shards.at("a"), "m-1.safetensors");
  EXPECT_EQ(shards.size(), 2u);
  EXPECT_EQ(ErrorText([] { ParseShardIndex("{}", "index"); }), "index: weight_map is missing or not an object");
}

// Class: path traversal of a sharded index.
TEST(ShardIndexHostile, NamesThatLeaveTheFolder) {
  for (const char* name : {"../m.safetensors", "/m.safetensors", "a/m.safetensors", "..\\\\m.safetensors", "m.bin",
                           ".safetensors", "c:m.safetensors", "m\\u0000.safetensors", ""}) {
    const std::string error =
        ErrorText([&] { ParseShardIndex(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", name), "index"); });
    EXPECT_TRUE(error.starts_with("index: shard ") &&
                error.ends_with(" of tensor a is not the plain name of a .safetensors file"))
        << name << ": " << error;
  }
  EXPECT_EQ(ErrorText([] { ParseShardIndex(R"({"weight_map":{"a":7}})", "index"); }),
            "index: shard 7 of tensor a is not the plain name of a .safetensors file");
}

}  // namespace
}  // namespace longshot
