#include "runtime/text/vocabulary_files.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "runtime/text/tokenizer.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace longshot {
namespace {

using nlohmann::json;
using testing_text::ByteLevel;
using testing_text::ChatMlTokens;
using testing_text::ModelSettings;
using testing_text::PreTokenizerSection;
using testing_text::SentencePiece;
using testing_text::ToTokenizerJson;
using testing_text::ToTokenizerModel;

std::string Message(auto&& action, ErrorCode code) {
  try {
    action();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
  return "no error";
}

json SmallJson() { return ToTokenizerJson(ByteLevel("gpt-2", {{"a", "b"}}, ChatMlTokens())); }

std::string JsonError(auto change, ErrorCode code = ErrorCode::kFormat) {
  json document = SmallJson();
  change(document);
  return Message([&] { ReadTokenizerJson(document.dump()); }, code);
}

TEST(TokenizerJson, ReadsWhatItSays) {
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    const Vocabulary written = ByteLevel(pre, {{"a", "b"}, {"ab", "c"}}, ChatMlTokens());
    const Vocabulary read = ReadTokenizerJson(ToTokenizerJson(written).dump());
    EXPECT_EQ(read.pre, pre);
    EXPECT_EQ(read.pieces, written.pieces);
    EXPECT_EQ(read.kinds, written.kinds);
    EXPECT_EQ(read.merges, written.merges);
    const Tokenizer t(read);
    EXPECT_EQ(t.Encode("abc"), (std::vector<Token>{257}));
  }
}

TEST(TokenizerJson, ReadsMergesAsPairsAndLeadingBos) {
  json document = SmallJson();
  document["model"]["merges"] = json::array({json::array({"a", "b"})});
  document["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}},
        {{"type", "TemplateProcessing"}, {"single", {{{"SpecialToken", {{"id", "<|im_start|>"}}}}}}}}}};
  const Vocabulary v = ReadTokenizerJson(document.dump());
  EXPECT_EQ(v.merges, (std::vector<std::pair<std::string, std::string>>{{"a", "b"}}));
  EXPECT_EQ(v.bos, 257);
  EXPECT_TRUE(v.add_bos);
}

TEST(TokenizerJson, GapsBetweenIdsStayUnused) {
  json document = SmallJson();
  document["added_tokens"].push_back({{"id", 300}, {"content", "<x>"}, {"special", false}});
  const Vocabulary v = ReadTokenizerJson(document.dump());
  ASSERT_EQ(v.pieces.size(), 301u);
  EXPECT_EQ(v.kinds[299], TokenKind::kUnused);
  EXPECT_EQ(v.kinds[300], TokenKind::kUserDefined);
}

TEST(TokenizerJson, WhatIsNotSupportedIsNamed) {
  const auto error = [](auto change) { return JsonError(change, ErrorCode::kUnsupported); };
  const std::string supported =
      " is not supported (supported: ByteLevel as in GPT-2, Digits + ByteLevel as in SmolLM and StarCoder, "
      "Split + "
      "ByteLevel as in Llama-3 and Qwen2)";
  EXPECT_EQ(error([](json& d) { d["model"]["type"] = "WordPiece"; }),
            "tokenizer.json: model type \"WordPiece\" is not supported (supported: byte-level BPE)");
  EXPECT_EQ(error([](json& d) { d["model"]["byte_fallback"] = true; }),
            "tokenizer.json: model type \"BPE\" is not supported (supported: byte-level BPE); use the folder's "
            "tokenizer.model");
  EXPECT_EQ(error([](json& d) {
              d["normalizer"] = {{"type", "NFKC"}};
            }),
            "tokenizer.json: normalizer \"NFKC\" is not supported (supported: none, NFC)");
  EXPECT_EQ(error([](json& d) { d["pre_tokenizer"] = nullptr; }), "tokenizer.json: pre_tokenizer none" + supported);
  EXPECT_EQ(error([](json& d) {
              d["pre_tokenizer"] = {{"type", "Metaspace"}};
            }),
            "tokenizer.json: pre_tokenizer \"Metaspace\"" + supported);
  EXPECT_EQ(error([](json& d) { d["pre_tokenizer"]["add_prefix_space"] = true; }),
            "tokenizer.json: pre_tokenizer \"ByteLevel\"" + supported);
  EXPECT_EQ(error([](json& d) {
              d["pre_tokenizer"] = PreTokenizerSection("qwen2");
              d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "x+";
            }),
            "tokenizer.json: pre_tokenizer Sequence of Split \"x+\" ByteLevel" + supported);
}

TEST(TokenizerJson, MalformedFilesAreRefused) {
  EXPECT_EQ(JsonError([](json& d) { d = json::array(); }), "tokenizer.json: there is no \"model\" object");
  EXPECT_EQ(JsonError([](json& d) { d["model"].erase("vocab"); }),
            "tokenizer.json: model.vocab is not an object of pieces and ids");
  EXPECT_EQ(JsonError([](json& d) { d["model"]["merges"] = 3; }), "tokenizer.json: model.merges is not a list");
  EXPECT_EQ(JsonError([](json& d) { d["model"]["merges"] = {"ab"}; }),
            "tokenizer.json: a merge is neither \"left right\" nor a pair of texts");
  EXPECT_EQ(JsonError([](json& d) { d["model"]["vocab"]["new"] = "x"; }),
            "tokenizer.json: the id of \"new\" is not a number");
  EXPECT_EQ(JsonError([](json& d) { d["model"]["vocab"]["new"] = -1; }),
            "tokenizer.json: the id of \"new\" is not a number");
  EXPECT_EQ(JsonError([](json& d) { d["model"]["vocab"]["ab"] = 3; }).rfind("tokenizer.json: \"", 0), 0u);
  EXPECT_EQ(JsonError([](json& d) { d["added_tokens"][0]["id"] = 4000000000u; }),
            "tokenizer.json: the id 4000000000 of \"<|im_start|>\" is far outside the vocabulary");
  EXPECT_EQ(JsonError([](json& d) { d["added_tokens"] = "x"; }), "tokenizer.json: added_tokens is not a list");
  EXPECT_EQ(JsonError([](json& d) { d["added_tokens"] = {1}; }), "tokenizer.json: an added token has no content");
}

TEST(TokenizerJson, DepthIsBounded) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_EQ(Message([&] { ReadTokenizerJson(deep); }, ErrorCode::kFormat),
            "tokenizer.json is nested deeper than 64 levels");
  EXPECT_EQ(Message([&] { ReadTokenizerJson("{\"model\": "); }, ErrorCode::kFormat)
                .rfind("tokenizer.json is not valid JSON: ", 0),
            0u);
}

TEST(TokenizerConfig, AddsTokensAndTemplate) {
  Vocabulary v = ByteLevel("gpt-2", {}, ChatMlTokens());
  ReadTokenizerConfig(
      R"({"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>"}, "add_bos_token": true,
                          "chat_template": [{"name": "tool", "template": "no"}, {"name": "default", "template": "T"}]})",
      v);
  EXPECT_EQ(v.bos, 256);
  EXPECT_EQ(v.eos, 257);
  EXPECT_EQ(v.end_of_generation, (std::vector<Token>{257}));
  EXPECT_TRUE(v.add_bos);
  EXPECT_EQ(v.chat_template, "T");
  ReadTokenizerConfig(R"({"bos_token": null, "chat_template": "U", "add_bos_token": false})", v);
  EXPECT_EQ(v.bos, 256);
  EXPECT_FALSE(v.add_bos);
  EXPECT_EQ(v.chat_template, "U");
  EXPECT_EQ(Message([&] { ReadTokenizerConfig("[]", v); }, ErrorCode::kFormat),
            "tokenizer_config.json is not an object");
}

TEST(TokenizerModel, ReadsWhatItSays) {
  for (const bool unigram : {false, true}) {
    Vocabulary written = SentencePiece(unigram);
    testing_text::Add(written, "<x>", TokenKind::kUserDefined);
    const Vocabulary read = ReadTokenizerModel(ToTokenizerModel(written, {.model_type = unigram ? 1u : 2u}));
    EXPECT_EQ(read.kind, TokenizerKind::kSentencePiece);
    EXPECT_EQ(read.unigram, unigram);
    EXPECT_EQ(read.pieces, written.pieces);
    EXPECT_EQ(read.kinds, written.kinds);
    EXPECT_EQ(read.scores, written.scores);
    EXPECT_EQ(read.bos, 1);
    EXPECT_EQ(read.eos, 2);
    EXPECT_EQ(read.unknown, 0);
    EXPECT_TRUE(read.add_bos);
    EXPECT_EQ(Tokenizer(read).Encode("ab"), (std::vector<Token>{Tokenizer(read).TokenOf("\u2581ab")}));
  }
}

TEST(TokenizerModel, WhatIsNotSupportedIsNamed) {
  const auto error = [](const ModelSettings& settings) {
    return Message([&] { ReadTokenizerModel(ToTokenizerModel(SentencePiece(), settings)); }, ErrorCode::kUnsupported);
  };
  EXPECT_EQ(error({.model_type = 3}), "tokenizer.model: model type 3 is not supported (supported: 1 unigram, 2 BPE)");
  EXPECT_EQ(error({.precompiled_charsmap = "1234"}),
            "tokenizer.model: it rewrites characters before tokenizing (precompiled_charsmap of 4 bytes), "
            "which cannot be "
            "undone and is not supported; only the \"identity\" normalizer is");
  EXPECT_EQ(error({.removes_spaces = true}),
            "tokenizer.model: it removes extra white space, which cannot be undone and is not supported");
  EXPECT_EQ(error({.escapes_spaces = false}), "tokenizer.model: spaces that are not escaped are not supported");
}

TEST(TokenizerModel, MalformedFilesAreRefused) {
  const auto error = [](std::string_view bytes) {
    return Message([&] { ReadTokenizerModel(bytes); }, ErrorCode::kFormat);
  };
  EXPECT_EQ(error(""), "tokenizer.model has no pieces; is it a sentencepiece model?");
  EXPECT_EQ(error("\x0A\x05"
                  "ab"),
            "tokenizer.model: field 1 has 5 bytes, but only 2 are left");
  EXPECT_EQ(error("\x08\x01"), "tokenizer.model: a section has wire type 0, expected 2");
  EXPECT_EQ(error("\x0B"), "tokenizer.model: field 1 has the unknown wire type 3");
  EXPECT_EQ(error("\x0A"), "tokenizer.model: ends inside a number");
  EXPECT_EQ(error(std::string(11, '\xFF')), "tokenizer.model: a number has more than 10 bytes");
  EXPECT_EQ(error(std::string_view("\x02\x00", 2)), "tokenizer.model: field number 0 is out of range");
  EXPECT_EQ(error("\x0A\x02\x08\x01"), "tokenizer.model: piece has wire type 0, expected 2");
  EXPECT_EQ(error("\x0A\x02\x18\x09"), "tokenizer.model: a piece has the unknown type 9");
}

TEST(TokenizerModel, EveryTruncationIsRefusedOrReadsLess) {
  const std::string whole = ToTokenizerModel(SentencePiece());
  for (size_t size = 0; size < whole.size(); ++size) {
    try {
      EXPECT_LE(ReadTokenizerModel(std::string_view(whole).substr(0, size)).pieces.size(),
                SentencePiece().pieces.size());
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace longshot
