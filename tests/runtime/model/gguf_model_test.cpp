// From GGUF metadata to a decoder's shape and a tokenizer's tables.
#include "runtime/model/gguf_model.h"

#include <gtest/gtest.h>

#include "tests/runtime/model/gguf_writer.h"
#include "tests/runtime/model/model_bytes.h"

namespace longshot {
namespace {

ModelConfig ConfigOf(const GgufWriter& writer) {
  const ExactBytes bytes(writer.Build());
  return GgufModelConfig(GgufFile(bytes.span()));
}

std::string ConfigError(const GgufWriter& writer) {
  return ErrorText([&] { ConfigOf(writer); });
}

Vocabulary VocabularyOf(const GgufWriter& writer) {
  const ExactBytes bytes(writer.Build());
  return GgufVocabulary(GgufFile(bytes.span()));
}

std::string VocabularyError(const GgufWriter& writer) {
  return ErrorText([&] { VocabularyOf(writer); });
}

GgufWriter Bpe() {
  GgufWriter writer;
  AddBpe(writer);
  return writer;
}

GgufWriter SentencePiece() {
  GgufWriter writer;
  AddSentencePiece(writer);
  return writer;
}

TEST(GgufModelConfig, ReadsTheThreeArchitectures) {
  for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
    const ModelConfig config = ConfigOf(TinyGguf(architecture));
    EXPECT_EQ(config.architecture, architecture);
    EXPECT_EQ(config.name, "tiny");
    EXPECT_EQ(config.layers, 2);
    EXPECT_EQ(config.heads, 4);
    EXPECT_EQ(config.kv_heads, 2);
    EXPECT_EQ(config.head_dim, 16);
    EXPECT_EQ(config.rope.dims, 16);
    EXPECT_EQ(config.embed_dim, 64);
    EXPECT_EQ(config.ffn_dim, 96);
    EXPECT_EQ(config.vocab_size, 32);
    EXPECT_EQ(config.context, 128);
    EXPECT_TRUE(config.tied_head);
    EXPECT_EQ(config.qkv_bias, std::string(architecture) == "qwen2");
    EXPECT_EQ(config.qk_norm, std::string(architecture) == "qwen3");
    EXPECT_EQ(config.rope.scaling, RopeScaling::kNone);
  }
}

TEST(GgufModelConfig, OptionalKeys) {
  GgufWriter writer = TinyGguf("llama");
  writer.Remove("llama.vocab_size");
  writer.Remove("llama.attention.head_count_kv");
  AddBpe(writer);
  writer.U32("llama.attention.key_length", 32);
  writer.U32("llama.attention.value_length", 32);
  writer.U32("llama.attention.sliding_window", 64);
  writer.AddTensor("output.weight", 0, {32, 64});
  const ModelConfig config = ConfigOf(writer);
  EXPECT_EQ(config.vocab_size, 6);  // that of the tokenizer
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_EQ(config.head_dim, 32);
  EXPECT_EQ(config.sliding_window, 64);
  EXPECT_FALSE(config.tied_head);
}

TEST(GgufModelConfig, RopeScaling) {
  GgufWriter writer = TinyGguf("qwen2");
  writer.F32("qwen2.rope.scaling.factor", 2);
  EXPECT_EQ(ConfigOf(writer).rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(ConfigOf(writer).context, 128);
  writer.String("qwen2.rope.scaling.type", "yarn");
  writer.U32("qwen2.rope.scaling.original_context_length", 100);
  writer.F32("qwen2.rope.scaling.attn_factor", 0.5f);
  const ModelConfig yarn = ConfigOf(writer);
  EXPECT_EQ(yarn.rope.scaling, RopeScaling::kYarn);
  EXPECT_EQ(yarn.rope.factor, 2);
  EXPECT_EQ(yarn.rope.original_context, 100);
  EXPECT_EQ(yarn.context, 200);
  EXPECT_NEAR(yarn.rope.Magnitude(), 0.5 * (0.1 * std::log(2.0) + 1), 1e-7);
  writer.Remove("qwen2.rope.scaling.type");
  writer.String("qwen2.rope.scaling.type", "longrope");
  EXPECT_EQ(ConfigError(writer), "rope scaling longrope is not supported; supported: none, linear, yarn, llama3");
}

TEST(GgufModelConfig, FrequencyDivisors) {
  GgufWriter writer = TinyGguf("llama");
  GgufWriter::Tensor& divisors = writer.AddTensor("rope_freqs.weight", 0, {8});
  divisors.data.clear();
  for (int i = 1; i <= 8; ++i) divisors.data += GgufWriter::Bytes(static_cast<float>(i));
  EXPECT_EQ(ConfigOf(writer).rope.freq_divisors, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}));
  divisors.data.replace(4, 4, GgufWriter::Bytes(0.0f));
  EXPECT_EQ(ConfigError(writer), "model config: rope frequency divisor is 0, expected 1e-06 to 1000000000");
  divisors.data.resize(16);
  divisors.dims = {4};
  EXPECT_EQ(ConfigError(writer), "model config: number of rope frequency divisors is 4, expected 8 to 8");
  divisors.type = 1;
  EXPECT_EQ(ConfigError(writer), "tensor rope_freqs.weight has type 1 and shape [4], expected f32 and [rope dims / 2]");
}

TEST(GgufModelConfig, RefusesWhatItDoesNotCompute) {
  EXPECT_EQ(ConfigError(TinyGguf("gemma3")),
            "model architecture gemma3 is not supported; supported: llama (also Mistral), qwen2, qwen3");
  GgufWriter writer = TinyGguf("llama");
  writer.U32("llama.expert_count", 8);
  EXPECT_EQ(ConfigError(writer), "the model is a mixture of 8 experts; supported: dense feed-forward layers");
  writer = TinyGguf("llama");
  writer.F32("llama.logit_scale", 2);
  EXPECT_EQ(ConfigError(writer), "metadata llama.logit_scale asks for a computation that is not supported");
  writer = TinyGguf("llama");
  writer.U32("llama.rope.dimension_count", 8);
  EXPECT_EQ(ConfigError(writer), "rope turns 8 of 16 head dimensions; supported for llama GGUF files: all");
  writer = TinyGguf("qwen3");
  writer.U32("qwen3.attention.value_length", 8);
  EXPECT_EQ(ConfigError(writer), "keys of 16 and values of 8 dimensions; supported: equal");
}

TEST(GgufModelConfig, RefusesHostileValues) {
  const auto with = [](const char* key, uint32_t value) {
    GgufWriter writer = TinyGguf("llama");
    writer.Remove(key);
    writer.U32(key, value);
    return ConfigError(writer);
  };
  EXPECT_EQ(with("llama.attention.head_count", 0), "model config: number of heads is 0, expected 1 to 4096");
  EXPECT_EQ(with("llama.attention.head_count_kv", 0), "model config: number of KV heads is 0, expected 1 to 4");
  EXPECT_EQ(with("llama.attention.head_count_kv", 3), "model config: heads modulo KV heads is 1, expected 0 to 0");
  EXPECT_EQ(with("llama.block_count", 1 << 30), "model config: number of layers is 1073741824, expected 1 to 4096");
  EXPECT_EQ(with("llama.vocab_size", 0xFFFFFFFF), "metadata llama.vocab_size is 4294967295, expected 0 to 2147483647");
  GgufWriter writer = TinyGguf("llama");
  writer.Remove("llama.block_count");
  EXPECT_EQ(ConfigError(writer), "metadata llama.block_count is missing: not a complete model");
  writer.Array<uint32_t>("llama.block_count", GgufType::kU32, {1, 2});
  EXPECT_EQ(ConfigError(writer),
            "metadata llama.block_count is a list (one value per layer); expected one value for all layers");
  writer = TinyGguf("llama");
  writer.Remove("llama.rope.freq_base");
  writer.F32("llama.rope.freq_base", std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(ConfigError(writer), "metadata llama.rope.freq_base is nan, expected a finite number");
}

TEST(GgufVocabulary, ByteLevelBpe) {
  const Vocabulary vocabulary = VocabularyOf(Bpe());
  EXPECT_EQ(vocabulary.kind, TokenizerKind::kByteLevelBpe);
  EXPECT_EQ(vocabulary.pre, "smollm");
  ASSERT_EQ(vocabulary.pieces.size(), 6u);
  EXPECT_EQ(vocabulary.kinds[1], TokenKind::kControl);
  EXPECT_EQ(vocabulary.kinds[2], TokenKind::kNormal);
  EXPECT_EQ(vocabulary.merges, (std::vector<std::pair<std::string, std::string>>{{"a", "b"}}));
  EXPECT_EQ(vocabulary.bos, 0);
  EXPECT_EQ(vocabulary.eos, 1);
  EXPECT_EQ(vocabulary.unknown, kNoToken);
  EXPECT_EQ(vocabulary.end_of_generation, (std::vector<Token>{0, 1}));  // <|endoftext|> by its spelling
  EXPECT_FALSE(vocabulary.add_bos);
  EXPECT_FALSE(vocabulary.add_space_prefix);
  EXPECT_TRUE(vocabulary.chat_template.starts_with("{{ messages[0]"));
}

TEST(GgufVocabulary, SentencePieceDefaults) {
  const Vocabulary vocabulary = VocabularyOf(SentencePiece());
  EXPECT_EQ(vocabulary.kind, TokenizerKind::kSentencePiece);
  EXPECT_EQ(vocabulary.scores, (std::vector<float>{0, 0, 0, -1, -2, -3}));
  EXPECT_EQ(vocabulary.unknown, 0);
  EXPECT_EQ(vocabulary.bos, 1);
  EXPECT_EQ(vocabulary.eos, 2);
  EXPECT_TRUE(vocabulary.add_bos);
  EXPECT_TRUE(vocabulary.add_space_prefix);
}

TEST(GgufVocabulary, Llama3PromptsBeginWithBosUnlessTheFileSaysOtherwise) {
  GgufWriter writer = Bpe();
  writer.Remove("tokenizer.ggml.pre");
  writer.String("tokenizer.ggml.pre", "llama-v3");
  EXPECT_EQ(VocabularyOf(writer).pre, "llama-bpe");
  EXPECT_TRUE(VocabularyOf(writer).add_bos);
  writer.Bool("tokenizer.ggml.add_bos_token", false);
  EXPECT_FALSE(VocabularyOf(writer).add_bos);
}

TEST(GgufVocabulary, OtherFamiliesAreNamed) {
  GgufWriter writer;
  EXPECT_EQ(VocabularyError(writer), "metadata tokenizer.ggml.model is missing: the file has no tokenizer");
  writer.String("tokenizer.ggml.model", "bert");
  EXPECT_EQ(VocabularyError(writer),
            "tokenizer family bert is not supported; supported: gpt2 (byte-level BPE), llama (sentencepiece)");
}

// Class: tokenizer and vocabulary sizes that disagree.
TEST(GgufVocabularyHostile, ListsOfUnequalLength) {
  GgufWriter writer = Bpe();
  writer.Remove("tokenizer.ggml.token_type");
  writer.Array<int32_t>("tokenizer.ggml.token_type", GgufType::kI32, {3});
  EXPECT_EQ(VocabularyError(writer),
            "metadata tokenizer.ggml.token_type has 1 entries, but tokenizer.ggml.tokens has 6");
  writer = SentencePiece();
  writer.Remove("tokenizer.ggml.scores");
  EXPECT_EQ(VocabularyError(writer), "metadata tokenizer.ggml.scores is missing: sentencepiece needs it");
  writer.Array<float>("tokenizer.ggml.scores", GgufType::kF32, {1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(VocabularyError(writer), "metadata tokenizer.ggml.scores has 7 entries, but tokenizer.ggml.tokens has 6");
}

TEST(GgufVocabularyHostile, ScoresOfAnotherType) {
  GgufWriter writer = SentencePiece();
  writer.Remove("tokenizer.ggml.scores");
  writer.Array<uint8_t>("tokenizer.ggml.scores", GgufType::kU8, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(VocabularyError(writer),
            "metadata tokenizer.ggml.scores has type array of u8, expected array of f32: damaged or hostile file");
}

TEST(GgufVocabularyHostile, IdsKindsAndMergesOutOfRange) {
  GgufWriter writer = Bpe();
  writer.Remove("tokenizer.ggml.eos_token_id");
  writer.U32("tokenizer.ggml.eos_token_id", 6);
  EXPECT_EQ(VocabularyError(writer), "metadata tokenizer.ggml.eos_token_id is 6, but the vocabulary has 6 tokens");
  writer = Bpe();
  writer.U32("tokenizer.ggml.unknown_token_id", 0xFFFFFFFF);  // "none" in published files
  EXPECT_EQ(VocabularyOf(writer).unknown, kNoToken);
  writer = Bpe();
  writer.Remove("tokenizer.ggml.token_type");
  writer.Array<int32_t>("tokenizer.ggml.token_type", GgufType::kI32, {3, 3, 1, 1, 1, 7});
  EXPECT_EQ(VocabularyError(writer), "metadata tokenizer.ggml.token_type has 7 for token 5, expected 0 to 6");
  for (const char* merge : {"", "ab", "ab ", " ab"}) {
    writer = Bpe();
    writer.Remove("tokenizer.ggml.merges");
    writer.Strings("tokenizer.ggml.merges", {merge});
    EXPECT_EQ(VocabularyError(writer), fmt::format("metadata tokenizer.ggml.merges has \"{}\", expected two pieces and "
                                                   "a space between them",
                                                   merge));
  }
  writer = Bpe();
  writer.Remove("tokenizer.ggml.tokens");
  writer.Strings("tokenizer.ggml.tokens", {});
  EXPECT_EQ(VocabularyError(writer), "metadata tokenizer.ggml.tokens is missing or empty: the file has no vocabulary");
}

// Class: chat template execution. A template is text: whatever it holds, it is only carried.
TEST(GgufVocabularyHostile, TemplatesAreText) {
  GgufWriter writer = Bpe();
  writer.Remove("tokenizer.chat_template");
  const std::string hostile = "{{ ''.__class__.__mro__[1].__subclasses__() }}{% include '/etc/passwd' %}";
  writer.String("tokenizer.chat_template", hostile);
  EXPECT_EQ(VocabularyOf(writer).chat_template, hostile);
}

}  // namespace
}  // namespace longshot
