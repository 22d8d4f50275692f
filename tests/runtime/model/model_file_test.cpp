// ModelFile over GGUF files: the decoder's tensor list, rows of q and k, what is lazy, and bounded memory.
#include "runtime/model/model_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/sha256.h"
#include "runtime/model/gguf_model.h"
#include "tests/runtime/model/gguf_writer.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/temporary_folder.h"

namespace {
/// Bytes asked of operator new since the start; what is freed is not subtracted.
std::atomic<size_t> allocated_bytes{0};
}  // namespace

// Not inlined: GCC takes an inlined pair for a mismatch of new and free.
[[gnu::noinline]] void* operator new(size_t size) {
  allocated_bytes += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace longshot {
namespace {

class ModelFileTest : public ::testing::Test {
 protected:
  ModelFile Open(const GgufWriter& writer) const {
    folder_.Write("model.gguf", writer.Build());
    return ModelFile::Open(path());
  }
  std::string DecoderError(const GgufWriter& writer) const {
    return ErrorText([&] { Open(writer).RequireDecoder(); });
  }
  std::string path() const { return folder_ / "model.gguf"; }

 private:
  TemporaryFolder folder_;
};

TEST_F(ModelFileTest, OpensDecodersOfEveryArchitecture) {
  for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
    const ModelFile file = Open(TinyGguf(architecture));
    file.RequireDecoder();
    EXPECT_EQ(file.format(), "GGUF v3");
    EXPECT_EQ(file.path(), path());
    EXPECT_EQ(file.Sha256(), Sha256Hex(TinyGguf(architecture).Build()));
    EXPECT_EQ(file.metadata()[0], (std::pair<std::string, std::string>{"general.architecture", architecture}));
    EXPECT_EQ(file.Find("blk.0.attn_q.weight")->interleaved_rope_rows, std::string(architecture) == "llama");
    EXPECT_FALSE(file.Find("blk.0.attn_v.weight")->interleaved_rope_rows);
    EXPECT_EQ(file.Find("absent"), nullptr);
  }
}

TEST_F(ModelFileTest, RowsOfInterleavedTensorsComeByHalves) {
  GgufWriter writer = TinyGguf("llama");
  std::string& data = writer.FindTensor("blk.0.attn_k.weight").data;
  for (int row = 0; row < 32; ++row) {  // 2 heads of 16; every element of a row holds the row's number
    for (int col = 0; col < 64; ++col) {
      data.replace(static_cast<size_t>(row * 64 + col) * 4, 4, GgufWriter::Bytes(static_cast<float>(row)));
    }
  }
  const ModelFile file = Open(writer);
  std::vector<float> out(64);
  const std::vector<int> stored_of{0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15};
  for (int row = 0; row < 32; ++row) {
    DequantizeRow(*file.Find("blk.0.attn_k.weight"), row, 16, out);
    EXPECT_EQ(out[63], static_cast<float>(row / 16 * 16 + stored_of[static_cast<size_t>(row % 16)])) << row;
  }
}

TEST_F(ModelFileTest, RowsFoldAllButTheLastDimension) {
  GgufWriter writer;
  writer.AddTensor("t", 8, {2, 3, 64});
  const ModelFile file = Open(writer);
  const TensorInfo& tensor = *file.Find("t");
  std::vector<float> whole(6 * 64), row(64);
  Dequantize(tensor.type, tensor.bytes.data(), 6 * 64, whole.data());
  DequantizeRow(tensor, 5, 0, row);
  EXPECT_TRUE(std::equal(row.begin(), row.end(), whole.begin() + 5 * 64));
  EXPECT_DEATH(DequantizeRow(tensor, 6, 0, row), "row 6 of 6");
}

TEST_F(ModelFileTest, DecoderTensorsAreExactlyTheExpectedOnes) {
  GgufWriter writer = TinyGguf("llama");
  writer.AddTensor("blk.0.attn_q.bias", 0, {64});
  EXPECT_EQ(DecoderError(writer),
            "tensor blk.0.attn_q.bias is not part of a llama decoder as supported: leaving it out would change the "
            "model");
  writer = TinyGguf("qwen2");
  std::erase_if(writer.tensors, [](const auto& tensor) { return tensor.name == "blk.1.attn_k.bias"; });
  EXPECT_EQ(DecoderError(writer), "tensor blk.1.attn_k.bias is missing (1 in all): incomplete file");
  writer = TinyGguf("llama");
  writer.FindTensor("blk.0.ffn_up.weight").dims = {96, 64};
  EXPECT_EQ(DecoderError(writer), "tensor blk.0.ffn_up.weight has shape [64, 96], expected [96, 64]");
  writer = TinyGguf("llama");
  writer.Remove("llama.block_count");
  writer.U32("llama.block_count", 4000);
  EXPECT_EQ(DecoderError(writer), "the model has 4000 layers but only 20 tensors: incomplete file");
  writer = TinyGguf("llama");
  writer.AddTensor("rope_freqs.weight", 0, {8}).data = [] {
    std::string ones;
    for (int i = 0; i < 8; ++i) ones += GgufWriter::Bytes(1.0f);
    return ones;
  }();
  EXPECT_EQ(DecoderError(writer), "no error");
}

TEST_F(ModelFileTest, UnreadableTypesAreListedAndRefusedWhenUsed) {
  GgufWriter writer = TinyGguf("llama");
  writer.FindTensor("blk.1.attn_v.weight").type = 16;
  const ModelFile file = Open(writer);
  ASSERT_EQ(file.unreadable_tensors().size(), 1u);
  EXPECT_EQ(file.unreadable_tensors()[0].name, "blk.1.attn_v.weight");
  EXPECT_EQ(file.unreadable_tensors()[0].type, "ggml type 16");
  const std::string refusal =
      "tensor blk.1.attn_v.weight is stored as ggml type 16; supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, "
      "Q5_1, Q8_0, "
      "Q2_K to Q6_K";
  EXPECT_EQ(ErrorText([&] { file.Find("blk.1.attn_v.weight"); }), refusal);
  EXPECT_EQ(ErrorText([&] { file.RequireDecoder(); }), refusal);
}

TEST_F(ModelFileTest, VocabularyOnlyFilesOfAnyArchitectureOpen) {
  GgufWriter writer;
  writer.String("general.architecture", "falcon");
  AddBpe(writer);
  const ModelFile file = Open(writer);
  EXPECT_EQ(file.vocabulary().pieces.size(), 6u);
  EXPECT_EQ(&file.vocabulary(), &file.vocabulary());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ErrorText([&] { file.config(); }),
              "model architecture falcon is not supported; supported: llama (also Mistral), qwen2, qwen3");
  }
}

TEST_F(ModelFileTest, ErrorsNameTheFile) {
  GgufWriter writer;
  writer.magic = "ZIP!";
  EXPECT_EQ(ErrorText([&] { Open(writer); }), path() + ": not a GGUF file: it does not begin with \"GGUF\"");
  EXPECT_EQ(ErrorText([] { ModelFile::Open("/no/such/model.gguf"); }),
            "cannot open /no/such/model.gguf: No such file or directory");
}

// Class: counts and lengths that make a small file allocate much. Whatever a header claims, memory stays
// within a constant factor of the file: 64 bytes kept for each entry of 13, doubled while vectors grow, and
// the errors' texts.
TEST(ModelMemory, IsBoundedByTheFilesOwnBytes) {
  std::vector<std::string> files;
  GgufWriter writer;
  writer.claimed_entries = 65536;
  writer.claimed_tensors = uint64_t{1} << 60;
  files.push_back(writer.Build());
  writer.claimed_entries.reset();
  files.push_back(writer.Build());
  writer.claimed_tensors.reset();
  writer.RawArray("tokenizer.ggml.tokens", GgufType::kString, uint64_t{1} << 30, "");
  files.push_back(writer.Build());
  writer.entries.clear();
  AddBpe(writer);
  writer.Remove("tokenizer.ggml.token_type");
  writer.RawArray("tokenizer.ggml.token_type", GgufType::kI32, 1 << 29, "1234");
  files.push_back(writer.Build());
  writer = TinyGguf("llama");
  AddBpe(writer);
  for (int i = 0; i < 3000; ++i) writer.Raw(std::to_string(i), GgufType::kU8, "x");
  for (int i = 0; i < 1000; ++i) writer.AddTensor(std::to_string(i), 0, {1});
  files.push_back(writer.Build());
  for (const std::string& content : files) {
    const ExactBytes bytes(content);
    const size_t before = allocated_bytes;
    ErrorText([&] {
      const GgufFile file(bytes.span());
      GgufTensors(file);
      GgufUnreadableTensors(file);
      ErrorText([&] { GgufModelConfig(file); });
      ErrorText([&] { GgufVocabulary(file); });
    });
    EXPECT_LT(allocated_bytes - before, 16 * content.size() + 8192) << content.size();
  }
}

}  // namespace
}  // namespace longshot
