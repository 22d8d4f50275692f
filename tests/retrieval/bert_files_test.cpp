// labels: unit
// Each way the files of an encoder can be missing, damaged or another model's: an error that names what is wrong.
#include <gtest/gtest.h>

#include "kernels/backends.h"
#include "retrieval/bert_encoder.h"
#include "tests/retrieval/tiny_bert.h"
#include "tests/runtime/model/model_bytes.h"

namespace longshot {
namespace {

/// Replaces the first `from`, which must be there.
std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

class BertFiles : public testing::Test {
 protected:
  void SetUp() override {
    backend_ = MakeReferenceBackend();
    bert_.Write(folder_);
  }
  /// The message of opening the folder, with FOLDER for its path.
  std::string Opened() const {
    std::string text = ErrorText([&] { BertEncoder(folder_.path(), backend_.get()); });
    for (size_t at; (at = text.find(folder_.path())) != text.npos;) text.replace(at, folder_.path().size(), "FOLDER");
    return text;
  }
  std::string WithConfig(const std::string& from, const std::string& to) const {
    folder_.Write("config.json", Replaced(bert_.Config(), from, to));
    return Opened();
  }
  static SafetensorsWriter::Tensor& Find(SafetensorsWriter& writer, const std::string& name) {
    return *std::find_if(writer.tensors.begin(), writer.tensors.end(), [&](const auto& t) { return t.name == name; });
  }
  std::string WithWeights(const SafetensorsWriter& writer) const {
    folder_.Write("model.safetensors", writer.Build());
    return Opened();
  }
  void Remove(const std::string& name) const { std::filesystem::remove(folder_ / name); }

  TemporaryFolder folder_;
  TinyBert bert_{{}};
  std::unique_ptr<Backend> backend_;
};

TEST_F(BertFiles, TheUndamagedFolderOpens) { EXPECT_EQ(Opened(), "no error"); }

TEST_F(BertFiles, MissingFiles) {
  Remove("model.safetensors");
  EXPECT_EQ(Opened(), "FOLDER has no model.safetensors: fetch it whole");
  Remove("vocab.txt");
  EXPECT_EQ(Opened(), "FOLDER has neither vocab.txt nor tokenizer.json: fetch it whole");
  Remove("config.json");
  EXPECT_NE(Opened().find("FOLDER/config.json"), std::string::npos) << Opened();
}

TEST_F(BertFiles, Configs) {
  EXPECT_EQ(WithConfig("\"bert\"", "\"roberta\""),
            "FOLDER/config.json: model_type is \"roberta\", supported: \"bert\"");
  EXPECT_EQ(WithConfig("\"model_type\": \"bert\", ", ""), "FOLDER/config.json: no model_type, supported: \"bert\"");
  EXPECT_EQ(WithConfig("\"gelu\"", "\"gelu_new\""),
            "FOLDER/config.json: hidden_act is \"gelu_new\", supported: \"gelu\"");
  EXPECT_EQ(WithConfig("\"absolute\"", "\"relative_key\""),
            "FOLDER/config.json: position_embedding_type is \"relative_key\", supported: \"absolute\"");
  EXPECT_EQ(WithConfig("\"num_attention_heads\": 3", "\"num_attention_heads\": 5"),
            "FOLDER/config.json: hidden_size 24 is no multiple of num_attention_heads 5");
  EXPECT_EQ(WithConfig("\"num_attention_heads\": 3", "\"num_attention_heads\": 0"),
            "FOLDER/config.json: num_attention_heads is 0, expected 1 to 65536");
  EXPECT_EQ(WithConfig("1e-12", "2.5"), "FOLDER/config.json: layer_norm_eps is 2.5, expected 0 to 1");
  EXPECT_EQ(WithConfig("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
            "FOLDER: 3 layers, but only 37 tensors: incomplete file");
  EXPECT_EQ(WithConfig("\"max_position_embeddings\": 32", "\"max_position_embeddings\": 2"),
            "FOLDER: the model takes 2 pieces at once, expected at least [CLS], one and [SEP]");
  EXPECT_NE(WithConfig("{", "").find("FOLDER/config.json is not valid JSON"), std::string::npos);
  folder_.Write("config.json", "[1]");
  EXPECT_EQ(Opened(), "FOLDER/config.json is array, expected an object");
  folder_.Write("config.json", std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(Opened(), "FOLDER/config.json has 1048577 bytes, more than the 1048576 that are read");
}

TEST_F(BertFiles, Poolings) {
  std::filesystem::create_directory(folder_ / "1_Pooling");
  const auto pooled = [&](const std::string& text) {
    folder_.Write("1_Pooling/config.json", text);
    return Opened();
  };
  EXPECT_EQ(pooled(R"({"word_embedding_dimension": 24, "pooling_mode_mean_tokens": true})"), "no error");
  EXPECT_EQ(pooled(R"({"pooling_mode_max_tokens": true})"),
            "FOLDER/1_Pooling/config.json: the pooling is \"max_tokens\", supported: mean_tokens, cls_token");
  EXPECT_EQ(
      pooled(R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})"),
      "FOLDER/1_Pooling/config.json: the pooling is \"cls_token + mean_tokens\", supported: mean_tokens, cls_token");
  EXPECT_EQ(pooled("{}"), "FOLDER/1_Pooling/config.json: the pooling is \"\", supported: mean_tokens, cls_token");
  EXPECT_EQ(pooled("3"), "FOLDER/1_Pooling/config.json is number, expected an object");
}

TEST_F(BertFiles, WindowsAreTheModelsUpTo512) {
  const auto window = [&] { return BertEncoder(folder_.path(), backend_.get()).config().window; };
  EXPECT_EQ(window(), 32);
  folder_.Write("sentence_bert_config.json", R"({"max_seq_length": 12, "do_lower_case": false})");
  EXPECT_EQ(window(), 12);
  TinyBert({.positions = 600}).Write(folder_);
  EXPECT_EQ(window(), 12);
  folder_.Write("sentence_bert_config.json", R"({"max_seq_length": 100000})");
  EXPECT_EQ(window(), 512);
  Remove("sentence_bert_config.json");
  EXPECT_EQ(window(), 256);
}

TEST_F(BertFiles, Tensors) {
  SafetensorsWriter writer = bert_.Writer();
  const std::string query = "encoder.layer.0.attention.self.query.weight";
  Find(writer, query).name = "encoder.layer.0.attention.self.query.gain";
  EXPECT_EQ(WithWeights(writer),
            "FOLDER: tensor encoder.layer.0.attention.self.query.weight is missing: incomplete file");

  writer = bert_.Writer();
  std::erase_if(writer.tensors, [](const auto& t) { return t.name == "encoder.layer.1.output.LayerNorm.bias"; });
  writer.Add("pooler.dense.bias", "F32", {24}, 4);
  EXPECT_EQ(WithWeights(writer), "FOLDER: tensor encoder.layer.1.output.LayerNorm.bias is missing: incomplete file");

  writer = bert_.Writer();
  std::swap(writer.tensors[0].shape[0], writer.tensors[0].shape[1]);
  EXPECT_EQ(WithWeights(writer),
            "FOLDER: tensor embeddings.word_embeddings.weight has the shape [24, 16], but config.json asks for "
            "[16, 24]");

  writer = bert_.Writer();
  Find(writer, query).dtype = "I32";
  EXPECT_NE(
      WithWeights(writer).find("tensor encoder.layer.0.attention.self.query.weight is stored as I32; supported: F32"),
      std::string::npos);

  writer = bert_.Writer();
  writer.Add("encoder.layer.0.attention.self.distance_embedding.weight", "F32", {63, 8}, 4);
  EXPECT_EQ(WithWeights(writer),
            "FOLDER: tensor encoder.layer.0.attention.self.distance_embedding.weight is not part of a BERT encoder as "
            "supported: leaving it out would change the vectors");
}

TEST_F(BertFiles, ValuesThatAreNoNumbers) {
  const auto poison = [&](const std::string& name, float value) {
    SafetensorsWriter writer = bert_.Writer();
    for (auto& tensor : writer.tensors) {
      if (tensor.name == name) std::memcpy(tensor.data.data(), &value, sizeof value);
    }
    return writer;
  };
  for (const std::string name : {"encoder.layer.0.output.dense.weight", "encoder.layer.1.intermediate.dense.bias",
                                 "embeddings.LayerNorm.weight"}) {
    const std::string text = WithWeights(poison(name, std::nanf("")));
    EXPECT_NE(text.find(name), std::string::npos) << text;
  }
  // Rows of the tables are read when a text needs them.
  const std::string_view text = "a";
  const auto embedded = [&](const SafetensorsWriter& writer) {
    folder_.Write("model.safetensors", writer.Build());
    const BertEncoder encoder(folder_.path(), backend_.get());
    return ErrorText([&] { encoder.Embed(std::span(&text, 1)); });
  };
  const std::string found = embedded(poison("embeddings.position_embeddings.weight", INFINITY));
  EXPECT_NE(found.find("embeddings.position_embeddings.weight"), std::string::npos) << found;
  const std::string length = embedded(poison("encoder.layer.1.output.LayerNorm.weight", 3e38f));
  EXPECT_NE(length.find("its weights give a vector without a length"), std::string::npos) << length;
}

TEST_F(BertFiles, Truncations) {
  const std::string whole = bert_.Writer().Build();
  for (size_t length = 0; length < whole.size(); length += length < 3000 ? 61 : 4999) {
    folder_.Write("model.safetensors", whole.substr(0, length));
    EXPECT_NE(Opened(), "no error") << length;
  }
}

TEST_F(BertFiles, Vocabularies) {
  folder_.Write("vocab.txt", "[UNK]\n[CLS]\na\n");
  EXPECT_EQ(Opened(), "the vocabulary has no [SEP]: expected that of a BERT model, one piece a line");
  folder_.Write("vocab.txt", std::string(kTinyVocab) + "more\n");
  EXPECT_EQ(Opened(), "FOLDER: the vocabulary has 17 pieces, but config.json says vocab_size 16");
  folder_.Write("vocab.txt", std::string((1 << 20) + 1, '\n'));
  EXPECT_EQ(Opened(), "vocab.txt: more than 1048576 pieces: this is no vocabulary of a BERT model");
  folder_.Write("vocab.txt", "");
  EXPECT_EQ(Opened(), "the vocabulary has no [CLS]: expected that of a BERT model, one piece a line");
}

TEST_F(BertFiles, TokenizerSettingsBesideAVocabulary) {
  folder_.Write("tokenizer_config.json", R"({"do_lower_case": true, "strip_accents": null})");
  EXPECT_EQ(Opened(), "no error");
  folder_.Write("tokenizer_config.json", R"({"do_lower_case": true, "strip_accents": false})");
  EXPECT_EQ(Opened(), "FOLDER/tokenizer_config.json: strip_accents is false, supported: true");
  folder_.Write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_EQ(Opened(), "no error");
}

}  // namespace
}  // namespace longshot
