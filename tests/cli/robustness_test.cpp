// labels: unit
// What a user can get wrong: each gives one clear line, the right exit status, and leaves nothing behind.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <algorithm>

#include "core/mapped_file.h"
#include "tests/cli/run_longshot.h"
#include "tests/runtime/model/gguf_writer.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {
namespace {

namespace fs = std::filesystem;

class Robustness : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return Path(name);
  }
  /// One line that begins with "error: " and contains `part`.
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(Robustness, BadCommandsAndFlags) {
  ExpectFailure(RunLongshot({}), 2, "expected a command");
  ExpectFailure(RunLongshot({"genrate"}), 2, "unknown command genrate; the nearest known one is generate");
  ExpectFailure(RunLongshot({"generate", "--spec-typ", "copy"}), 2, "the nearest known one is --spec-type");
  ExpectFailure(RunLongshot({"generate", "-n"}), 2, "-n needs a value");
  ExpectFailure(RunLongshot({"generate", "--temp", "hot"}), 2, "--temp: expected a number from 0 to 100, got 'hot'");
  ExpectFailure(RunLongshot({"generate", "--spec-type", "coppy"}), 2, "copy");
  ExpectFailure(RunLongshot({"generate", "--stop", ""}), 2, "--stop");
  ExpectFailure(RunLongshot({"bench", "-d", "0,x"}), 2, "-d: expected numbers of at least 0");
  ExpectFailure(RunLongshot({"bench", "-p", "128,"}), 2, "-p: expected numbers of at least 0");
  ExpectFailure(RunLongshot({"bench", "-p", ",128"}), 2, "-p: expected numbers of at least 0");
  ExpectFailure(RunLongshot({"generate", "--spec-margin", "x"}), 2, "--spec-margin: expected a number from 0 to 1000");
  ExpectFailure(RunLongshot({"generate", "-cd", "4"}), 2, "-cd is not supported by this version");
  ExpectFailure(RunLongshot({"generate", "--spec-verify", "greedy"}), 2, "add --temp 0");
  ExpectFailure(RunLongshot({"generate", "--cpu-isa", "sse"}), 2, "one of auto, avx2, avx512, amx");
  ExpectFailure(RunLongshot({"tokenize"}), 2, "either -f FILE or -p TEXT");
}

TEST_F(Robustness, HelpAndVersion) {
  for (const char* command : {"generate", "prefill", "demo", "bench", "perplexity", "inspect", "tokenize"}) {
    const Outcome outcome = RunLongshot({command, "--help"});
    EXPECT_EQ(outcome.status, 0) << command << outcome.err;
    EXPECT_NE(outcome.out.find("--model"), std::string::npos) << command;
  }
  const Outcome version = RunLongshot({"--version"});
  EXPECT_EQ(version.status, 0);
  for (const char* part : {"longshot 0", "oneDNN", "instruction sets found", "GPU: none"}) {
    EXPECT_NE(version.out.find(part), std::string::npos) << part;
  }
}

TEST_F(Robustness, MissingAndDamagedModels) {
  ExpectFailure(RunLongshot({"generate", "-p", "x"}, "", folder_.string()), 1,
                "no model at models/SmolLM2-135M-Instruct.Q4_1.gguf; fetch the default one with `make model`");
  ExpectFailure(RunLongshot({"inspect", Path("none.gguf")}), 1, "no model at");
  ExpectFailure(RunLongshot({"inspect", Write("text.gguf", "this is not a model at all")}), 1, "text.gguf");
  ExpectFailure(RunLongshot({"inspect", Write("empty.gguf", "")}), 1, "empty.gguf");
  ExpectFailure(RunLongshot({"inspect", folder_.string()}), 1, "config.json");
}

TEST_F(Robustness, UnwritableResults) {
  ExpectFailure(RunLongshot({"generate", "-p", "x", "--json", "/dev/full"}), 1,
                "cannot write /dev/full: No space left on device");
  ExpectFailure(RunLongshot({"generate", "-p", "x", "--json", Path("none/x.json")}), 1, "No such file or directory");
  ExpectFailure(RunLongshot({"generate", "-p", "x", "--json", folder_.string()}), 1, "Is a directory");
  ExpectFailure(RunLongshot({"--version"}, "/dev/full"), 1, "cannot write to standard output: No space left on device");
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(Robustness, ResultsNeverTakeWhatTheRunReads) {
  const std::string model = Write("a.gguf", "weights"), text = Write("text", "words"), link = Path("link");
  fs::create_symlink(model, link);
  ExpectFailure(RunLongshot({"inspect", model, "--json", link}), 2,
                "--json " + link + ": this is the file of -m, which would be lost; name another");
  ExpectFailure(RunLongshot({"generate", "-m", model, "--doc", text, "--json", text}), 2, "this is the file of --doc");
  ExpectFailure(RunLongshot({"generate", "-m", model, "-f", text, "--json", text}), 2, "this is the file of -f");
  ExpectFailure(RunLongshot({"generate", "-m", model, "--prompt-cache", link}), 2, "this is the file of -m");
  ExpectFailure(RunLongshot({"generate", "-m", model, "--prompt-cache", Path("x"), "--json", Path("./x")}), 2,
                "this is the file of --prompt-cache");
  ExpectFailure(RunLongshot({"prefill", "-m", model, "--doc", text, "--prompt-cache", text}), 2, "of --doc");
  ExpectFailure(RunLongshot({"perplexity", "-m", model, "-f", text, "--json", text}), 2, "this is the file of -f");
  ExpectFailure(RunLongshot({"demo", "-m", model, "--doc", text, "--json", text}), 2, "this is the file of --doc");
  EXPECT_EQ(ReadFile(model), "weights");
  EXPECT_EQ(ReadFile(text), "words");
}

TEST_F(Robustness, TheResultIsWrittenThroughStandardOutput) {
  const std::string model = Write("tiny.gguf", TinyGguf("llama").Build()), out = Write("out", "");
  ExpectFailure(RunLongshot({"inspect", model, "--json", "-"}), 2, "--json -: standard output carries the text");
  const Outcome piped = RunLongshot({"inspect", model, "--json", "/dev/stdout"});
  EXPECT_EQ(piped.status, 0) << piped.err;
  EXPECT_NE(piped.out.find("\"path\":"), std::string::npos);
  EXPECT_NE(piped.out.find("architecture: llama"), std::string::npos);
  const Outcome redirected = RunLongshot({"inspect", model, "--json", "/dev/stdout"}, out);
  EXPECT_EQ(redirected.status, 0) << redirected.err;
  EXPECT_EQ(ReadFile(out), piped.out) << "the JSON and then the text, in the file that standard output goes to";
  EXPECT_TRUE(fs::is_symlink("/dev/stdout"));
}

TEST_F(Robustness, WhatIsNoWholeModelIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  ExpectFailure(RunLongshot({"inspect", Path("pipe")}), 1, "cannot open " + Path("pipe") + ": not a regular file");
  GgufWriter writer = TinyGguf("llama");
  writer.tensors.clear();
  AddBpe(writer);
  const std::string model = Write("vocab.gguf", writer.Build()), text = Write("text", "abcabcabc");
  const std::string message = model + ": it holds no weights (a vocabulary only): expected a whole model";
  ExpectFailure(RunLongshot({"generate", "-m", model, "-p", "ab"}), 1, message);
  ExpectFailure(RunLongshot({"prefill", "-m", model, "--doc", text, "--prompt-cache", Path("x")}), 1, message);
  ExpectFailure(RunLongshot({"perplexity", "-m", model, "-f", text}), 1, message);
  ExpectFailure(RunLongshot({"demo", "-m", model, "--doc", text}), 1, message);
  ExpectFailure(RunLongshot({"bench", "-m", model}), 1, message);
  EXPECT_EQ(RunLongshot({"tokenize", "-m", model, "-p", "ab", "--ids"}).status, 0) << "a vocabulary is enough";
}

TEST_F(Robustness, TokenizerErrorsNameTheFile) {
  const std::string model = Write("none.gguf", TinyGguf("llama").Build());
  ExpectFailure(RunLongshot({"tokenize", "-m", model, "-p", "ab"}), 1, model + ": metadata tokenizer.ggml.model");
  ExpectFailure(RunLongshot({"generate", "-m", model, "-p", "ab"}), 1, model + ": metadata tokenizer.ggml.model");
}

TEST_F(Robustness, TextsThatAreNone) {
  GgufWriter writer = TinyGguf("llama");
  AddBpe(writer);
  const std::string model = Write("tiny.gguf", writer.Build()), empty = Write("empty", "\n");
  const std::string binary = Write("binary", std::string("a\0b", 3));
  ExpectFailure(RunLongshot({"perplexity", "-m", model, "-f", empty}), 1, "-f " + empty + ": expected text, but it is");
  ExpectFailure(RunLongshot({"perplexity", "-m", model, "-f", binary}), 1,
                "-f " + binary + ": expected text, got a bin");
  ExpectFailure(RunLongshot({"generate", "-m", model, "-f", binary}), 1,
                "-f " + binary + ": expected text, got a binary");
  ExpectFailure(RunLongshot({"generate", "-m", model, "-p", " \n"}), 2, "nothing to answer");
  ExpectFailure(RunLongshot({"generate", "-m", model, "--doc", "-", "-f", "-"}), 2,
                "--doc - and -f - would both read standard input");
}

TEST_F(Robustness, LimitsBeyondOnePassAreRefusedBeforeAnythingIsLoaded) {
  for (const char* flag : {"--spec-draft-n-max", "--spec-tree-shape"}) {
    ExpectFailure(
        RunLongshot({"generate", "-m", Path("none"), "-p", "x", "--spec-type", "token-recycling", flag, "128"}), 1,
        "asks for proposals of 128 tokens: one pass verifies at most 127");
  }
}

/// A model whose tokenizer has more tokens than it has rows of embeddings.
TEST_F(Robustness, VocabularyBeyondTheEmbeddings) {
  GgufWriter writer = TinyGguf("llama", 0, {.vocabulary = 4});
  AddBpe(writer);
  const std::string model = Write("small.gguf", writer.Build()), text = Write("text", "abcabcabc");
  const std::string message = "the tokenizer has 6 tokens, but the model only 4 rows of embeddings";
  ExpectFailure(RunLongshot({"generate", "-m", model, "-p", "ab"}), 1, message);
  ExpectFailure(RunLongshot({"perplexity", "-m", model, "-f", text, "--all"}), 1, message);
  ExpectFailure(RunLongshot({"demo", "-m", model, "--doc", text}), 1, message);
}

TEST_F(Robustness, APaddedHeadIsFineAndSlidingWindowsAreNotExceeded) {
  GgufWriter writer = TinyGguf("llama");
  AddBpe(writer);
  writer.U32("llama.attention.sliding_window", 16);
  const std::string model = Write("tiny.gguf", writer.Build()), text = Write("text", std::string(60, 'c'));
  const Outcome scored = RunLongshot({"perplexity", "-m", model, "-f", text, "-c", "16", "-ub", "3", "-t", "1"});
  EXPECT_EQ(scored.status, 0) << scored.err;
  EXPECT_NE(scored.out.find("tokens scored: 21"), std::string::npos) << scored.out;
  ExpectFailure(RunLongshot({"perplexity", "-m", model, "-f", text, "-c", "32"}), 1, "sliding window of 16 tokens");
  ExpectFailure(RunLongshot({"bench", "-m", model, "-p", "32"}), 1, "-d 0 with -n 128 (128 tokens): the model attends");
  ExpectFailure(RunLongshot({"bench", "-m", model, "-p", "500"}), 1,
                "-d 0 with -p 500 (500 tokens): the model's context is 128 tokens");
}

class WithModel : public Robustness {
 protected:
  void SetUp() override {
    Robustness::SetUp();
    if (!HasModel()) GTEST_SKIP() << "no default model: make model";
  }
  static Outcome Generate(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"generate", "-m", kModel});
    return RunLongshot(std::move(arguments));
  }
};

TEST_F(WithModel, TruncatedModel) {
  std::string bytes(2 << 20, '\0');
  std::ifstream(kModel, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const std::string path = Write("cut.gguf", bytes);
  ExpectFailure(RunLongshot({"generate", "-m", path, "-p", "x"}), 1, "truncated");
}

TEST_F(WithModel, Documents) {
  ExpectFailure(Generate({"-p", "x", "--doc", Write("empty", " \n")}), 1, "expected text, but it is empty");
  ExpectFailure(Generate({"-p", "x", "--doc", Write("binary", std::string("a\0b", 3))}), 1, "binary file");
  ExpectFailure(Generate({"-p", "x", "--doc", Path("none")}), 1, "No such file or directory");
  ExpectFailure(Generate({}), 2, "nothing to answer");
}

TEST_F(WithModel, ContextsThatDoNotFit) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "word " + std::to_string(i) + "\n";
  const std::string path = Write("long.txt", text);
  ExpectFailure(Generate({"-p", "x", "--doc", path}), 1, "but the context holds 8192: shorten the document");
  ExpectFailure(Generate({"-p", "x", "-c", "9000"}), 1, "-c 9000: the model's context is 8192 tokens");
  ExpectFailure(Generate({"-p", "x", "-c", "100", "-n", "200"}), 1, "raise -c to at least");
  ExpectFailure(Generate({"-p", "x", "--rope-scale", "2"}), 2, "need --rope-scaling");
  ExpectFailure(RunLongshot({"bench", "-m", kModel, "-d", "8100"}), 1, "the model's context is 8192 tokens");
}

TEST_F(WithModel, MemoryIsAskedForBeforeTheModelIsLoaded) {
  const std::string text = Write("text", "some words");
  const std::vector<std::vector<std::string>> kCommands = {
      {"generate", "-m", kModel, "-p", "x", "-c", "200000000"},
      {"perplexity", "-m", kModel, "-f", text, "--all", "-c", "200000000"},
      {"bench", "-m", kModel, "-p", "0", "-n", "4", "-d", "200000000"}};
  for (std::vector<std::string> command : kCommands) {
    command.insert(command.end(), {"--rope-scaling", "yarn"});
    const Outcome outcome = RunLongshot(command);
    EXPECT_EQ(outcome.status, 1) << command[0];
    EXPECT_NE(outcome.err.find("\nerror: the run needs "), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("are free: lower -c (bench: -d)"), std::string::npos) << outcome.err;
    EXPECT_LT(outcome.err.find("memory: weights "), outcome.err.find("error: ")) << outcome.err;
  }
}

TEST_F(WithModel, WhatThisBuildDoesNotDo) {
  ExpectFailure(Generate({"-p", "x", "-ngl", "5", "-s", "1"}), 1, "this build has no GPU backend");
  ExpectFailure(Generate({"-p", "x", "--chat-template", "vicuna"}), 2, "chatml");
}

TEST_F(WithModel, TokenizesAndInspects) {
  const Outcome ids = RunLongshot({"tokenize", "-m", kModel, "-p", "hello world 123\n", "--ids"});
  EXPECT_EQ(ids.out, "28120 905 216 33 34 35 198\n");
  const Outcome inspect = RunLongshot({"inspect", kModel, "-c", "4096", "--json", Path("i.json")});
  EXPECT_EQ(inspect.status, 0) << inspect.err;
  EXPECT_NE(inspect.out.find("architecture: llama"), std::string::npos);
  EXPECT_TRUE(fs::exists(Path("i.json")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "a temporary file stays";
}

}  // namespace
}  // namespace longshot
