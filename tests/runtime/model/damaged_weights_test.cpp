// Files that are well formed but cannot be run: each is refused by an error that names what is wrong.
#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "kernels/backends.h"
#include "runtime/model/model.h"
#include "runtime/model/model_file.h"
#include "tests/runtime/model/gguf_writer.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

class DamagedWeights : public testing::Test {
 protected:
  /// What opening and packing says, under 1 and 3 threads: rows are read inside the workers.
  std::string LoadError(const GgufWriter& writer) {
    folder_.Write("model.gguf", writer.Build());
    const auto load = [&](int threads) {
      return ErrorText([&] {
        const auto file = std::make_shared<const ModelFile>(ModelFile::Open(folder_ / "model.gguf"));
        const auto backend = MakeCpuBackend({.threads = threads});
        Model(backend.get(), file, file->config());
      });
    };
    const std::string error = load(1);
    EXPECT_EQ(error, load(3));
    return error;
  }
  static void Spoil(GgufWriter& writer, const char* tensor, size_t element, float value) {
    std::memcpy(writer.FindTensor(tensor).data.data() + element * sizeof value, &value, sizeof value);
  }

  TemporaryFolder folder_;
};

TEST_F(DamagedWeights, ValuesThatAreNotFiniteNameTheirTensor) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const char* tensor : {"token_embd.weight", "output_norm.weight", "blk.0.attn_norm.weight", "blk.1.attn_k.weight",
                             "blk.0.attn_output.weight", "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"}) {
    for (const float value : {kNan, kInfinity, -kInfinity}) {
      GgufWriter writer = TinyGguf("llama");
      Spoil(writer, tensor, 63, value);
      EXPECT_EQ(LoadError(writer),
                std::string("tensor ") + tensor + " holds a value that is not finite in row 0: the file is damaged");
    }
  }
}

TEST_F(DamagedWeights, EmbeddingsOfAnUntiedHeadAreReadToo) {
  GgufWriter writer = TinyGguf("llama");
  writer.AddTensor("output.weight", 0, {32, 64});
  Spoil(writer, "token_embd.weight", 31 * 64 + 5, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(LoadError(writer),
            "tensor token_embd.weight holds a value that is not finite in row 31: the file is damaged");
}

TEST_F(DamagedWeights, HalfPrecisionToo) {
  GgufWriter writer = TinyGguf("llama", 1);
  for (GgufWriter::Tensor& tensor : writer.tensors) {
    if (tensor.type == 1) tensor.data.assign(tensor.data.size(), '\0');  // the writer's bytes are not all finite
  }
  EXPECT_EQ(LoadError(writer), "no error");
  std::string& data = writer.FindTensor("blk.0.attn_output.weight").data;
  data[2] = 0, data[3] = 0x7c;  // infinity
  EXPECT_NE(LoadError(writer).find("blk.0.attn_output.weight"), std::string::npos);
}

TEST_F(DamagedWeights, HeadsBeyondWhatAttentionTakes) {
  EXPECT_EQ(LoadError(TinyGguf("llama", 0, {.layers = 1, .heads = 2, .kv_heads = 1, .head_dim = 1024, .embed = 2048})),
            "model config: heads of 1024 dimensions, 2 to a KV head; this build runs up to 512 dimensions and 64 "
            "heads");
  EXPECT_EQ(LoadError(TinyGguf("llama", 0, {.layers = 1, .heads = 128, .kv_heads = 1, .head_dim = 2, .embed = 256})),
            "model config: heads of 2 dimensions, 128 to a KV head; this build runs up to 512 dimensions and 64 "
            "heads");
}

}  // namespace
}  // namespace longshot
