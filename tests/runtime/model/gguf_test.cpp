// The GGUF reader: what it reads, and each way a file can lie (loader-security classes named in the tests).
#include "runtime/model/gguf.h"

#include <gtest/gtest.h>

#include <memory>

#include "core/error.h"
#include "tests/runtime/model/gguf_writer.h"
#include "tests/runtime/model/model_bytes.h"

namespace longshot {
namespace {

std::string ErrorOf(const std::string& file) {
  return ErrorText([&] { GgufFile{ExactBytes(file).span()}; });
}

std::string ErrorOf(const GgufWriter& writer) { return ErrorOf(writer.Build()); }

GgufWriter OneTensor() {
  GgufWriter writer;
  writer.AddTensor("t", 0, {2, 4});
  return writer;
}

TEST(Gguf, ReadsEveryScalarType) {
  GgufWriter writer;
  writer.Raw("u8", GgufType::kU8, GgufWriter::Bytes<uint8_t>(200));
  writer.Raw("i8", GgufType::kI8, GgufWriter::Bytes<int8_t>(-100));
  writer.Raw("u16", GgufType::kU16, GgufWriter::Bytes<uint16_t>(60000));
  writer.Raw("i16", GgufType::kI16, GgufWriter::Bytes<int16_t>(-30000));
  writer.Raw("u32", GgufType::kU32, GgufWriter::Bytes<uint32_t>(4000000000u));
  writer.Raw("i32", GgufType::kI32, GgufWriter::Bytes<int32_t>(-5));
  writer.Raw("u64", GgufType::kU64, GgufWriter::Bytes<uint64_t>(1ull << 40));
  writer.Raw("i64", GgufType::kI64, GgufWriter::Bytes<int64_t>(-(1ll << 40)));
  writer.Raw("f64", GgufType::kF64, GgufWriter::Bytes<double>(0.5));
  writer.F32("f32", 0.25f);
  writer.Bool("bool", true);
  writer.String("string", "words");
  const ExactBytes bytes(writer.Build());
  const GgufFile file(bytes.span());
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.Integer("u8"), 200);
  EXPECT_EQ(file.Integer("i8"), -100);
  EXPECT_EQ(file.Integer("u16"), 60000);
  EXPECT_EQ(file.Integer("i16"), -30000);
  EXPECT_EQ(file.Integer("u32"), 4000000000);
  EXPECT_EQ(file.Integer("i32"), -5);
  EXPECT_EQ(file.Integer("u64"), int64_t{1} << 40);
  EXPECT_EQ(file.Integer("i64"), -(int64_t{1} << 40));
  EXPECT_EQ(file.Float("f64"), 0.5);
  EXPECT_EQ(file.Float("f32"), 0.25);
  EXPECT_EQ(file.Bool("bool"), true);
  EXPECT_EQ(file.String("string"), "words");
  EXPECT_EQ(file.Integer("absent"), std::nullopt);
}

TEST(Gguf, ReadsArraysAndDescribesThem) {
  GgufWriter writer;
  writer.Strings("words", {"one", "two\n"});
  writer.Array<float>("scores", GgufType::kF32, {1.5f, -2});
  writer.Array<int32_t>("types", GgufType::kI32, {1, 2, 3, 4, 5, 6, 7, 8});
  writer.Array<uint8_t>("empty", GgufType::kU8, {});
  const ExactBytes bytes(writer.Build());
  const GgufFile file(bytes.span());
  EXPECT_EQ(file.Strings("words"), (std::vector<std::string_view>{"one", "two\n"}));
  EXPECT_EQ(file.Floats("scores"), (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(file.Ints("types"), (std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(Describe(*file.Find("words")), "2 x string [one, two\\n]");
  EXPECT_EQ(Describe(*file.Find("types")), "8 x i32 [1, 2, 3, 4, 5, 6, ...]");
  EXPECT_EQ(Describe(*file.Find("empty")), "0 x u8 []");
}

TEST(Gguf, LocatesTensorsOutermostFirst) {
  for (const uint32_t version : {2u, 3u}) {
    GgufWriter writer = OneTensor();
    writer.version = version;
    writer.AddTensor("q", 8, {3, 64});
    const ExactBytes bytes(writer.Build());
    const GgufFile file(bytes.span());
    ASSERT_EQ(file.tensors().size(), 2u);
    EXPECT_EQ(file.tensors()[0].shape, (std::vector<int64_t>{2, 4}));
    EXPECT_EQ(file.tensors()[1].shape, (std::vector<int64_t>{3, 64}));
    EXPECT_EQ(file.tensors()[1].bytes.size(), 3u * 2 * 34);
    EXPECT_EQ(std::memcmp(file.tensors()[1].bytes.data(), writer.tensors[1].data.data(), 204), 0);
  }
}

TEST(Gguf, UnknownTensorTypesAreListedWithoutBytes) {
  GgufWriter writer = OneTensor();
  writer.tensors[0].type = 16;
  const ExactBytes bytes(writer.Build());
  const GgufFile file(bytes.span());
  EXPECT_EQ(file.tensors()[0].type, 16u);
  EXPECT_TRUE(file.tensors()[0].bytes.empty());
}

TEST(Gguf, TruncationAnywhereIsAnError) {
  GgufWriter writer = TinyGguf("llama");
  AddBpe(writer);
  const std::string file = writer.Build();
  for (size_t length = 0; length < file.size(); length = length < 3000 ? length + 1 : length + 977) {
    const std::string error = ErrorOf(file.substr(0, length));
    EXPECT_NE(error, "no error") << length;
  }
  EXPECT_EQ(ErrorOf(file), "no error");
  EXPECT_EQ(ErrorOf(std::string()), "not a GGUF file: it does not begin with \"GGUF\"");
}

TEST(Gguf, RefusesOtherFilesAndVersions) {
  GgufWriter writer;
  writer.magic = "PK\3\4";
  EXPECT_EQ(ErrorOf(writer), "not a GGUF file: it does not begin with \"GGUF\"");
  writer.magic = "GGUF";
  writer.version = 1;
  EXPECT_EQ(ErrorOf(writer), "GGUF version 1, expected 2 or 3: convert the model with a current llama.cpp");
  writer.version = 0x03000000;
  EXPECT_EQ(ErrorOf(writer), "big-endian GGUF file, expected little-endian: convert it for this machine");
}

TEST(Gguf, SplitFilesNameTheCure) {
  GgufWriter writer;
  writer.Raw("split.no", GgufType::kU16, GgufWriter::Bytes<uint16_t>(1));
  writer.Raw("split.count", GgufType::kU16, GgufWriter::Bytes<uint16_t>(3));
  EXPECT_EQ(ErrorOf(writer),
            "this GGUF is part 2 of 3: join the parts first with "
            "`llama-gguf-split --merge FIRST-00001-of-00003.gguf JOINED.gguf`");
}

// Class: header counts used unchecked.
TEST(GgufHostile, CountsPastTheEnd) {
  GgufWriter writer;
  writer.claimed_entries = 5;
  EXPECT_EQ(ErrorOf(writer), "metadata key at byte 24 needs 8 bytes, but the file has 0 left: truncated or damaged");
  writer.claimed_entries = uint64_t{1} << 60;
  EXPECT_EQ(ErrorOf(writer),
            "1152921504606846976 metadata entries, more than the limit of 65536: damaged or hostile file");
  writer.claimed_entries = 0;
  writer.claimed_tensors = ~uint64_t{0};
  EXPECT_EQ(ErrorOf(writer), "tensor name at byte 24 needs 8 bytes, but the file has 0 left: truncated or damaged");
}

TEST(GgufHostile, LengthsPastTheEnd) {
  GgufWriter writer;
  writer.Raw("s", GgufType::kString, GgufWriter::Bytes<uint64_t>(1000));
  EXPECT_EQ(ErrorOf(writer),
            "metadata string at byte 45 needs 1000 bytes, but the file has 0 left: truncated or damaged");
  writer.entries.clear();
  writer.Raw("s", GgufType::kString, GgufWriter::Bytes<uint64_t>(~uint64_t{0}));
  EXPECT_EQ(ErrorOf(writer),
            "metadata string at byte 37 is 18446744073709551615, more than the limit of 1073741824: damaged or "
            "hostile file");
  writer.entries.clear();
  writer.RawArray("a", GgufType::kU64, uint64_t{1} << 61, "12345678");
  EXPECT_EQ(ErrorOf(writer),
            "length of a metadata array at byte 41 is 2305843009213693952, more than the limit of "
            "1073741824: damaged "
            "or hostile file");
  writer.entries.clear();
  writer.RawArray("a", GgufType::kString, 1000000, "");
  EXPECT_EQ(ErrorOf(writer), "metadata string at byte 49 needs 8 bytes, but the file has 0 left: truncated or damaged");
}

TEST(GgufHostile, NestedArraysAndUnknownTypes) {
  GgufWriter writer;
  writer.RawArray("a", GgufType::kArray, 1, "");
  EXPECT_EQ(ErrorOf(writer), "metadata a is an array of arrays, which GGUF readers do not accept");
  writer.entries.clear();
  writer.Raw("a", static_cast<GgufType>(13), "");
  EXPECT_EQ(ErrorOf(writer), "metadata a has type 13, expected 0 to 12: damaged file");
  writer.entries.clear();
  writer.Raw("b\x1b[2J", GgufType::kBool, "\x02");
  EXPECT_EQ(ErrorOf(writer), "metadata b\\x1b[2J is a bool with value 2, expected 0 or 1");
}

TEST(GgufHostile, DuplicateNames) {
  GgufWriter writer;
  writer.U32("k", 1);
  writer.U32("k", 2);
  EXPECT_EQ(ErrorOf(writer), "metadata k appears twice: damaged or hostile file");
  writer = OneTensor();
  writer.AddTensor("t", 0, {1});
  EXPECT_EQ(ErrorOf(writer), "tensor t appears twice: damaged or hostile file");
}

// Class: type confusion of metadata.
TEST(GgufHostile, TypeConfusion) {
  GgufWriter writer;
  writer.Array<uint8_t>("scores", GgufType::kU8, {1, 2, 3});
  writer.F32("count", 3);
  writer.U32("text", 3);
  writer.Raw("huge", GgufType::kU64, GgufWriter::Bytes<uint64_t>(~uint64_t{0}));
  const ExactBytes bytes(writer.Build());
  const GgufFile file(bytes.span());
  EXPECT_EQ(ErrorText([&] { file.Floats("scores"); }),
            "metadata scores has type array of u8, expected array of f32: damaged or hostile file");
  EXPECT_EQ(ErrorText([&] { file.Integer("count"); }),
            "metadata count has type f32, expected an integer: damaged or hostile file");
  EXPECT_EQ(ErrorText([&] { file.String("text"); }),
            "metadata text has type u32, expected string: damaged or hostile file");
  EXPECT_EQ(ErrorText([&] { file.Strings("text"); }),
            "metadata text has type u32, expected array of string: damaged or hostile file");
  EXPECT_EQ(ErrorText([&] { file.Integer("huge"); }),
            "metadata huge is 18446744073709551615, larger than any meaningful value");
}

// Class: division by zero; alignment of the wrong type or value.
TEST(GgufHostile, Alignment) {
  GgufWriter writer = OneTensor();
  writer.U32("general.alignment", 0);
  EXPECT_EQ(ErrorOf(writer), "metadata general.alignment is 0, expected a power of two");
  writer.entries.clear();
  writer.U32("general.alignment", 48);
  EXPECT_EQ(ErrorOf(writer), "metadata general.alignment is 48, expected a power of two");
  writer.entries.clear();
  writer.Raw("general.alignment", GgufType::kU64, GgufWriter::Bytes<uint64_t>(32));
  EXPECT_EQ(ErrorOf(writer), "metadata general.alignment has type u64, expected u32");
  writer.entries.clear();
  writer.U32("general.alignment", 0x80000000u);
  EXPECT_EQ(ErrorOf(writer), "tensor t needs 32 bytes at offset 0, but the data section has 0: truncated file");
  writer.entries.clear();
  writer.U32("general.alignment", 1);
  writer.alignment = 1;
  EXPECT_EQ(ErrorOf(writer), "no error");
}

// Class: too many dimensions; zero dimensions.
TEST(GgufHostile, Dimensions) {
  GgufWriter writer = OneTensor();
  writer.tensors[0].dims = {1, 1, 1, 1, 1};
  EXPECT_EQ(ErrorOf(writer), "tensor t has 5 dimensions, expected 1 to 4");
  writer.tensors[0].dim_count = 0x7FFFFFFF;
  EXPECT_EQ(ErrorOf(writer), "tensor t has 2147483647 dimensions, expected 1 to 4");
  writer.tensors[0].dim_count = 0;
  EXPECT_EQ(ErrorOf(writer), "tensor t has 0 dimensions, expected 1 to 4");
  writer.tensors[0].dim_count.reset();
  writer.tensors[0].dims = {4, 0};
  EXPECT_EQ(ErrorOf(writer), "tensor t has dimension 0, expected 1 or more");
  writer.tensors[0].dims = {4, ~uint64_t{0}};
  EXPECT_EQ(ErrorOf(writer), "tensor t has dimension -1, expected 1 or more");
}

// Class: integer overflow in dimensions.
TEST(GgufHostile, SizeOverflow) {
  GgufWriter writer = OneTensor();
  writer.tensors[0].dims = {uint64_t{1} << 42, uint64_t{1} << 42};
  EXPECT_EQ(ErrorOf(writer), "tensor dimensions: size overflows");
  writer.tensors[0].dims = {uint64_t{1} << 62, 2};
  EXPECT_EQ(ErrorOf(writer), "tensor dimensions: size overflows");
  writer.tensors[0].dims = {uint64_t{1} << 62};
  EXPECT_EQ(ErrorOf(writer), "tensor size: size overflows");
  writer.tensors[0].type = 99;  // unknown types too: their shape is shown
  writer.tensors[0].dims = {uint64_t{1} << 42, uint64_t{1} << 42};
  EXPECT_EQ(ErrorOf(writer), "tensor dimensions: size overflows");
}

// Class: tensor offset or size outside the file.
TEST(GgufHostile, DataOutsideTheFile) {
  GgufWriter writer = OneTensor();
  writer.tensors[0].dims = {4, 1000};
  EXPECT_EQ(ErrorOf(writer), "tensor t needs 16000 bytes at offset 0, but the data section has 32: truncated file");
  writer = OneTensor();
  writer.tensors[0].offset = 64;
  EXPECT_EQ(ErrorOf(writer), "tensor t needs 32 bytes at offset 64, but the data section has 32: truncated file");
  writer.tensors[0].offset = ~uint64_t{0} - 31;
  EXPECT_EQ(ErrorOf(writer),
            "tensor t needs 32 bytes at offset 18446744073709551584, but the data section has 32: truncated file");
  writer.tensors[0].offset = 4;
  EXPECT_EQ(ErrorOf(writer), "tensor t starts at offset 4, expected a multiple of the alignment 32");
}

TEST(GgufHostile, BlocksAndOverlap) {
  GgufWriter writer = OneTensor();
  writer.tensors[0].type = 2;
  EXPECT_EQ(ErrorOf(writer), "tensor t has rows of 4 elements, but q4_0 stores blocks of 32");
  writer = OneTensor();
  writer.AddTensor("u", 0, {8}).offset = 0;
  EXPECT_EQ(ErrorOf(writer), "tensors t and u overlap at offset 0: damaged or hostile file");
}

}  // namespace
}  // namespace longshot
