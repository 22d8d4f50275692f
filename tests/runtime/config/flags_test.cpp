#include "runtime/config/flags.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "runtime/config/nearest.h"

namespace longshot {
namespace {

struct Options {
  std::string cache_type_k = "f16";
  int64_t ctx_size = 0;
  int64_t n_predict = -1;
  double temperature = 0.8;
  bool ignore_eos = false;
  std::string prompt;
  std::vector<std::string> stop;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "cache_type_k", .flags = "-ctk,--cache-type-k", .choices = {"f32", "f16"}}, self.cache_type_k);
    visit(Field{.name = "ctx_size", .flags = "-c,--ctx-size", .minimum = 0, .unit = "tokens"}, self.ctx_size);
    visit(Field{.name = "n_predict", .flags = "-n,--n-predict", .aliases = {"--predict", "--max-tokens"}},
          self.n_predict);
    visit(Field{.name = "temperature", .flags = "--temp", .aliases = {"--temperature"}, .minimum = 0},
          self.temperature);
    visit(Field{.name = "ignore_eos", .flags = "--ignore-eos", .help = "go on after it"}, self.ignore_eos);
    visit(Field{.name = "prompt", .flags = "-p,--prompt"}, self.prompt);
    visit(Field{.name = "stop", .flags = "--stop"}, self.stop);
  }
};

struct Parsed {
  Options options;
  std::string model;
  std::vector<std::string> hints;
  bool run = false;
  std::string error;
};

/// `positional`: whether the command takes a MODEL.
Parsed Parse(const std::vector<std::string>& arguments, bool positional = true) {
  Parsed parsed;
  CommandLine line("try", "Tries.");
  line.Add({"Options", BindFields(parsed.options)});
  if (positional) line.Add(CommandLine::Positional{"MODEL", "a model", &parsed.model});
  try {
    parsed.run = line.Parse(arguments, parsed.hints);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    parsed.error = error.what();
  }
  return parsed;
}

TEST(Flags, MultiLetterShortFlagsMeanTheirLongName) {
  const Parsed parsed = Parse({"-ctk", "f32", "-c", "4096"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.cache_type_k, "f32");
  EXPECT_EQ(parsed.options.ctx_size, 4096);
}

TEST(Flags, ValuesMayLookLikeFlags) {
  const Parsed parsed = Parse({"-p", "-ctk", "--stop", "--", "--stop", "", "--stop=a=b", "-n", "-1"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.options.prompt, "-ctk");
  EXPECT_EQ(parsed.options.stop, (std::vector<std::string>{"--", "", "a=b"}));
  EXPECT_EQ(parsed.options.n_predict, -1);
}

TEST(Flags, AwkwardTextIsTakenAsItIs) {
  const std::string text = "[a, b] {c} \"d\" %e\n'f' \xc3\xa9 # g;";
  EXPECT_EQ(Parse({"-p", text}).options.prompt, text);
  EXPECT_EQ(Parse({"--prompt=" + text}).options.prompt, text);
  EXPECT_EQ(Parse({"--stop", text, "--stop", ","}).options.stop, (std::vector<std::string>{text, ","}));
}

TEST(Flags, AliasIsAcceptedWithAHint) {
  const Parsed parsed = Parse({"--max-tokens", "5", "--temperature=0"});
  EXPECT_EQ(parsed.options.n_predict, 5);
  EXPECT_EQ(parsed.options.temperature, 0);
  EXPECT_EQ(parsed.hints, (std::vector<std::string>{"--max-tokens is accepted as --n-predict",
                                                    "--temperature is accepted as --temp"}));
}

TEST(Flags, UnknownFlagNamesTheNearest) {
  EXPECT_EQ(Parse({"--ctx-szie", "3"}).error,
            "unknown flag --ctx-szie; the nearest known one is --ctx-size (longshot try --help lists all)");
  EXPECT_EQ(Parse({"-ctx", "3"}).error,
            "unknown flag -ctx; the nearest known one is -ctk (longshot try --help lists all)");
}

TEST(Flags, AShortFlagTakesNoEqualsSign) {
  EXPECT_EQ(Parse({"-p=foo"}).error, "unknown flag -p=foo; the value of a short flag is the next word: -p foo");
  EXPECT_EQ(Parse({"-ctt=f16"}).error,
            "unknown flag -ctt=f16; the nearest known one is -ctk (longshot try --help lists all)");
}

TEST(Flags, ValueErrorsNameTheFlag) {
  EXPECT_EQ(Parse({"-c", "many"}).error, "--ctx-size: expected a whole number of at least 0 (tokens), got 'many'");
  EXPECT_EQ(Parse({"-c", "-3"}).error, "--ctx-size: expected a whole number of at least 0 (tokens), got '-3'");
  EXPECT_EQ(Parse({"-ctk", "q8"}).error, "--cache-type-k: expected one of f32, f16, got 'q8'");
  EXPECT_EQ(Parse({"-c"}).error, "-c needs a value (tokens)");
  EXPECT_EQ(Parse({"--ignore-eos=no"}).error, "--ignore-eos takes no value, got '--ignore-eos=no'");
}

TEST(Flags, PositionalsAndExtras) {
  EXPECT_EQ(Parse({"some.gguf"}).model, "some.gguf");
  EXPECT_EQ(Parse({"some.gguf", "other"}).error, "unexpected argument 'other' (longshot try --help)");
}

TEST(Flags, AFlagTakesOneWord) {
  EXPECT_EQ(Parse({"-c", "1", "x"}, false).error, "unexpected argument 'x' (longshot try --help)");
  EXPECT_EQ(Parse({"--stop", "a", "b"}, false).error, "unexpected argument 'b' (longshot try --help)");
  EXPECT_EQ(Parse({"-p", "What", "is", "it"}, false).error, "unexpected argument 'is' (longshot try --help)");
  EXPECT_EQ(Parse({"--ignore-eos", "x"}, false).error, "unexpected argument 'x' (longshot try --help)");
  for (const std::vector<std::string>& before : {std::vector<std::string>{"-c", "1"}, {"-p", "a"}, {"--stop", "a"}}) {
    std::vector<std::string> arguments = before;
    arguments.push_back("some.gguf");
    const Parsed parsed = Parse(arguments);
    EXPECT_EQ(parsed.error, "");
    EXPECT_EQ(parsed.model, "some.gguf") << before[0];
  }
  EXPECT_EQ(Parse({"-c", "1", "some.gguf"}).options.ctx_size, 1);
  EXPECT_EQ(Parse({"-p", "a", "some.gguf"}).options.prompt, "a");
  EXPECT_EQ(Parse({"--stop", "a", "some.gguf", "--stop", "b"}).options.stop, (std::vector<std::string>{"a", "b"}));
}

TEST(Flags, LastOneCounts) { EXPECT_EQ(Parse({"-c", "1", "--ctx-size", "2"}).options.ctx_size, 2); }

TEST(Flags, HelpShowsNamesUnitsDefaultsAndDoesNotRun) {
  EXPECT_FALSE(Parse({"--help"}).run);
  EXPECT_FALSE(Parse({"-c", "1", "-h"}).run);
  EXPECT_TRUE(Parse({}).run);
  Options options;
  CommandLine line("try", "Tries.");
  line.Add({"Options", BindFields(options)});
  const std::string help = line.Help();
  for (const char* part :
       {"Tries.", "-c,--ctx-size", "tokens", "=0.8", "f32|f16", "-ctk,--cache-type-k", "go on after it"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part << " is missing in\n" << help;
  }
}

TEST(Nearest, CountsSwapsAsOneEdit) {
  EXPECT_EQ(EditDistance("temp", "temp"), 0);
  EXPECT_EQ(EditDistance("tmep", "temp"), 1);
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(Nearest("x", {}), "");
}

}  // namespace
}  // namespace longshot
