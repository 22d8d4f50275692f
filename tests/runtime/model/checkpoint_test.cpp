// Hugging Face folders: config.json in the spellings of transformers 4 and 5, names, shards, tokenizer files.
#include "runtime/model/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/model/model_file.h"
#include "tests/runtime/model/model_bytes.h"
#include "tests/runtime/model/safetensors_writer.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

using nlohmann::json;

/// The tiny config with some fields replaced; null removes one.
std::string Config(const json& changes = json::object()) {
  json config = json::parse(kTinyConfigJson);
  config.merge_patch(changes);
  return config.dump();
}

ModelConfig Parse(const json& changes = json::object()) { return CheckpointModelConfig(Config(changes), true); }
std::string ParseError(const json& changes) {
  return ErrorText([&] { Parse(changes); });
}

TEST(CheckpointConfig, Families) {
  const ModelConfig llama = Parse();
  EXPECT_EQ(llama.architecture, "llama");
  EXPECT_EQ(llama.layers, 2);
  EXPECT_EQ(llama.head_dim, 16);
  EXPECT_EQ(llama.rope.theta, 10000);
  EXPECT_TRUE(llama.tied_head);
  EXPECT_EQ(Parse({{"architectures", {"MistralForCausalLM"}}}).architecture, "llama");
  EXPECT_TRUE(Parse({{"architectures", {"Qwen2ForCausalLM"}}}).qkv_bias);
  EXPECT_TRUE(Parse({{"architectures", {"Qwen3ForCausalLM"}}}).qk_norm);
  EXPECT_EQ(Parse({{"architectures", nullptr}, {"model_type", "qwen3"}}).architecture, "qwen3");
  EXPECT_EQ(ParseError({{"architectures", {"MixtralForCausalLM"}}}),
            "config.json: model class MixtralForCausalLM is not supported; supported: LlamaForCausalLM, "
            "MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM");
}

TEST(CheckpointConfig, HeadsAndTying) {
  EXPECT_EQ(Parse({{"head_dim", 32}}).head_dim, 32);
  EXPECT_EQ(Parse({{"num_key_value_heads", nullptr}}).kv_heads, 4);
  EXPECT_FALSE(Parse({{"tie_word_embeddings", nullptr}}).tied_head);
  EXPECT_TRUE(CheckpointModelConfig(Config({{"tie_word_embeddings", nullptr}}), false).tied_head);
}

TEST(CheckpointConfig, RopeInBothSpellings) {
  const json old_yarn = {
      {"rope_theta", 5000.0},
      {"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}}}};
  const json new_yarn = {
      {"rope_parameters",
       {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 64}, {"rope_theta", 5000.0}}}};
  for (const json& changes : {old_yarn, new_yarn}) {
    const ModelConfig config = Parse(changes);
    EXPECT_EQ(config.rope.scaling, RopeScaling::kYarn);
    EXPECT_EQ(config.rope.theta, 5000);
    EXPECT_EQ(config.rope.factor, 4);
    EXPECT_EQ(config.rope.original_context, 64);
    EXPECT_EQ(config.context, 256);
  }
  EXPECT_EQ(Parse({{"rope_scaling", {{"rope_type", "default"}}}}).rope.scaling, RopeScaling::kNone);
  EXPECT_EQ(Parse({{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}}).rope.scaling, RopeScaling::kLinear);
  const ModelConfig llama3 = Parse({{"rope_scaling",
                                     {{"rope_type", "llama3"},
                                      {"factor", 8.0},
                                      {"low_freq_factor", 1.0},
                                      {"high_freq_factor", 4.0},
                                      {"original_max_position_embeddings", 64}}}});
  EXPECT_EQ(llama3.rope.scaling, RopeScaling::kLlama3);
  EXPECT_EQ(llama3.context, 128);
}

TEST(CheckpointConfig, YarnMagnitude) {
  json yarn = {{"rope_type", "yarn"},
               {"factor", 40.0},
               {"original_max_position_embeddings", 64},
               {"mscale", 0.707},
               {"mscale_all_dim", 1.0}};
  EXPECT_NEAR(Parse({{"rope_scaling", yarn}}).rope.Magnitude(), 0.9210423553163399, 1e-6);
  yarn["attention_factor"] = 1.5;
  EXPECT_EQ(Parse({{"rope_scaling", yarn}}).rope.Magnitude(), 1.5);
  yarn["truncate"] = false;
  EXPECT_EQ(ParseError({{"rope_scaling", yarn}}),
            "config.json: rope_scaling: yarn with truncate = false is not supported");
}

TEST(CheckpointConfig, RefusesOtherRope) {
  EXPECT_EQ(ParseError({{"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2}}}}),
            "config.json: rope_scaling: type dynamic is not supported; supported: default, linear, yarn, llama3");
  EXPECT_EQ(ParseError({{"rope_scaling", {{"rope_type", "linear"}}}}), "config.json: rope_scaling: factor is missing");
  EXPECT_EQ(ParseError({{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}}),
            "config.json: rope_parameters differs per layer type (full_attention); supported: one for all layers");
}

TEST(CheckpointConfig, SlidingWindows) {
  EXPECT_EQ(Parse({{"sliding_window", 64}}).sliding_window, 0);  // llama has none
  EXPECT_EQ(Parse({{"architectures", {"MistralForCausalLM"}}, {"sliding_window", 64}}).sliding_window, 64);
  json qwen = {{"architectures", {"Qwen2ForCausalLM"}}, {"sliding_window", 64}, {"use_sliding_window", false}};
  EXPECT_EQ(Parse(qwen).sliding_window, 0);
  qwen["use_sliding_window"] = true;
  EXPECT_EQ(Parse(qwen).sliding_window, 64);
  EXPECT_EQ(
      ParseError({{"architectures", {"Qwen3ForCausalLM"}}, {"layer_types", {"full_attention", "linear_attention"}}}),
      "config.json: layer type \"linear_attention\" is not supported; supported: full_attention");
}

TEST(CheckpointConfig, RefusesWhatItDoesNotCompute) {
  EXPECT_EQ(ParseError({{"hidden_act", "gelu"}}), "config.json: activation gelu is not supported; supported: silu");
  EXPECT_EQ(ParseError({{"attention_bias", true}}),
            "config.json: attention_bias is true, which is not supported for LlamaForCausalLM");
  EXPECT_EQ(ParseError({{"mlp_bias", true}}),
            "config.json: mlp_bias is true, which is not supported for LlamaForCausalLM");
  EXPECT_EQ(ParseError({{"quantization_config", {{"quant_method", "awq"}}}}),
            "config.json: weights quantised by awq; supported: F32, F16, BF16 safetensors, or GGUF");
}

TEST(CheckpointConfigHostile, TypesRangesAndNesting) {
  EXPECT_EQ(ParseError({{"hidden_size", "64"}}),
            "config.json: hidden_size is \"64\", expected an integer from 0 to 2^31 - 1");
  EXPECT_EQ(ParseError({{"hidden_size", -64}}),
            "config.json: hidden_size is -64, expected an integer from 0 to 2^31 - 1");
  EXPECT_EQ(ParseError({{"num_hidden_layers", nullptr}}), "config.json: num_hidden_layers is missing");
  EXPECT_EQ(ParseError({{"num_attention_heads", 0}}), "model config: number of heads is 0, expected 1 to 4096");
  EXPECT_EQ(ParseError({{"rms_norm_eps", 1e300}}), "config.json: rms_norm_eps is 1e+300, expected a number below 1e30");
  EXPECT_EQ(ParseError({{"tie_word_embeddings", 1}}), "config.json: tie_word_embeddings is 1, expected true or false");
  EXPECT_EQ(ErrorText([] { CheckpointModelConfig("[]", true); }), "config.json is array, expected an object");
  EXPECT_EQ(ErrorText([] { CheckpointModelConfig(fmt::format("{{\"a\":{}", std::string(200000, '[')), true); }),
            "config.json is nested deeper than 64 levels");
}

TEST(CanonicalTensorName, MapsTheFamiliesNames) {
  EXPECT_EQ(CanonicalTensorName("model.embed_tokens.weight"), "token_embd.weight");
  EXPECT_EQ(CanonicalTensorName("model.norm.weight"), "output_norm.weight");
  EXPECT_EQ(CanonicalTensorName("lm_head.weight"), "output.weight");
  EXPECT_EQ(CanonicalTensorName("model.layers.12.self_attn.q_proj.weight"), "blk.12.attn_q.weight");
  EXPECT_EQ(CanonicalTensorName("model.layers.0.self_attn.v_proj.bias"), "blk.0.attn_v.bias");
  EXPECT_EQ(CanonicalTensorName("model.layers.0.self_attn.k_norm.weight"), "blk.0.attn_k_norm.weight");
  EXPECT_EQ(CanonicalTensorName("model.layers.0.post_attention_layernorm.weight"), "blk.0.ffn_norm.weight");
  EXPECT_EQ(CanonicalTensorName("model.layers.0.self_attn.rotary_emb.inv_freq"), "");
  EXPECT_EQ(CanonicalTensorName("model.layers.x.mlp.up_proj.weight"), "model.layers.x.mlp.up_proj.weight");
  EXPECT_EQ(CanonicalTensorName("model.layers.0.mlp.experts.0.weight"), "model.layers.0.mlp.experts.0.weight");
}

TEST(EndOfGeneration, OneIdOrAList) {
  Vocabulary vocabulary;
  ReadEndOfGeneration(R"({"eos_token_id": [7, 9]})", "generation_config.json", vocabulary);
  ReadEndOfGeneration(R"({"eos_token_id": 7})", "config.json", vocabulary);
  ReadEndOfGeneration("{}", "config.json", vocabulary);
  EXPECT_EQ(vocabulary.end_of_generation, (std::vector<Token>{7, 9}));
  EXPECT_EQ(vocabulary.eos, 7);
  EXPECT_EQ(ErrorText([&] { ReadEndOfGeneration(R"({"eos_token_id": [1.5]})", "config.json", vocabulary); }),
            "config.json: eos_token_id has 1.5, expected a token id or a list of them");
}

TEST(Checkpoint, OneFile) {
  const TemporaryFolder folder;
  folder.Write("config.json", kTinyConfigJson);
  folder.Write("model.safetensors", TinyCheckpoint("BF16", 2).Build());
  const ModelFile file = ModelFile::Open(folder.path());
  EXPECT_EQ(file.format(), "safetensors");
  file.RequireDecoder();
  ASSERT_NE(file.Find("blk.1.ffn_down.weight"), nullptr);
  EXPECT_EQ(file.Find("blk.1.ffn_down.weight")->type, DType::kBF16);
  EXPECT_FALSE(file.Find("blk.0.attn_q.weight")->interleaved_rope_rows);
  EXPECT_EQ(file.metadata().front().first, "architectures");
}

TEST(Checkpoint, Shards) {
  SafetensorsWriter all = TinyCheckpoint(), first, second;
  json index = {{"weight_map", json::object()}};
  for (size_t i = 0; i < all.tensors.size(); ++i) {
    (i < 7 ? first : second).tensors.push_back(all.tensors[i]);
    index["weight_map"][all.tensors[i].name] = i < 7 ? "m-1.safetensors" : "m-2.safetensors";
  }
  const TemporaryFolder folder;
  folder.Write("config.json", kTinyConfigJson);
  folder.Write("m-1.safetensors", first.Build());
  folder.Write("m-2.safetensors", second.Build());
  folder.Write("model.safetensors.index.json", index.dump());
  ModelFile::Open(folder.path()).RequireDecoder();

  index["weight_map"].erase("model.norm.weight");
  folder.Write("model.safetensors.index.json", index.dump());
  EXPECT_EQ(ErrorText([&] { ModelFile::Open(folder.path()); }),
            folder.path() +
                ": m-1.safetensors does not hold exactly the tensors that model.safetensors.index.json "
                "lists for it");
  folder.Write("m-1.safetensors", "short");
  EXPECT_EQ(ErrorText([&] { ModelFile::Open(folder.path()); }),
            folder.path() +
                ": m-1.safetensors: safetensors header length at byte 0 needs 8 bytes, but the file has 5 "
                "left: truncated or damaged");
}

TEST(Checkpoint, MissingFiles) {
  const TemporaryFolder folder;
  EXPECT_EQ(ErrorText([&] { ModelFile::Open(folder.path()); }),
            folder.path() + " has no config.json: expected a .gguf file or a Hugging Face model folder");
  folder.Write("config.json", kTinyConfigJson);
  const ModelFile file = ModelFile::Open(folder.path());  // inspect shows a folder without weights
  EXPECT_EQ(ErrorText([&] { file.RequireDecoder(); }), "the model has 2 layers but only 0 tensors: incomplete file");
  EXPECT_EQ(ErrorText([&] { file.vocabulary(); }), folder.path() + " has neither tokenizer.json nor tokenizer.model");
}

TEST(Checkpoint, TinyGoldenCheckpointsInBothSpellings) {
  for (const char* name : {"llama", "llama_linear", "llama_llama3", "llama_yarn", "mistral", "qwen2", "qwen3"}) {
    const std::string folder = std::string(LONGSHOT_SOURCE_DIR "/tests/golden/tiny/") + name;
    const ModelFile file = ModelFile::Open(folder);
    file.RequireDecoder();
    const ModelConfig& now = file.config();
    const ModelConfig before = CheckpointModelConfig(ReadFile(folder + "/config_v4.json"), !now.tied_head);
    EXPECT_EQ(now.rope.InverseFrequencies(), before.rope.InverseFrequencies()) << name;
    EXPECT_EQ(now.rope.Magnitude(), before.rope.Magnitude()) << name;
    EXPECT_EQ(now.context, before.context) << name;
    EXPECT_EQ(now.head_dim, before.head_dim) << name;
    EXPECT_EQ(now.tied_head, before.tied_head) << name;
  }
}

}  // namespace
}  // namespace longshot
