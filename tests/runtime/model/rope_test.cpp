// RoPE scaling against transformers' own functions (golden/make_golden.py).
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>

#include "core/mapped_file.h"
#include "runtime/model/model_config.h"

namespace longshot {
namespace {

struct Golden {
  double magnitude = 0;
  std::vector<double> frequencies;
};

std::map<std::string, Golden> ReadGolden() {
  std::istringstream in(ReadFile(LONGSHOT_SOURCE_DIR "/tests/runtime/model/golden/rope.txt"));
  std::string name, magnitude, line;
  std::getline(in, name);  // the comment
  std::map<std::string, Golden> golden;
  while (std::getline(in, name) && std::getline(in, magnitude) && std::getline(in, line)) {
    golden[name].magnitude = std::stod(magnitude);
    std::istringstream values(line);
    for (double value; values >> value;) golden[name].frequencies.push_back(value);
  }
  return golden;
}

RopeConfig Case(const std::string& name) {
  RopeConfig rope;
  rope.theta = 500000;
  rope.dims = 64;
  rope.factor = 4;
  rope.original_context = 2048;
  rope.scaling = name == "linear" ? RopeScaling::kLinear : name == "llama3" ? RopeScaling::kLlama3 : RopeScaling::kYarn;
  if (name == "llama3") {
    rope.factor = 8;
    rope.original_context = 8192;
  }
  if (name == "yarn_attention" || name == "yarn_mscale") rope.original_context = 4096;
  if (name == "yarn_attention") {
    rope.factor = 8;
    rope.attention_factor = 1.25f;
    rope.beta_fast = 16;
    rope.beta_slow = 2;
  }
  if (name == "yarn_mscale") {
    rope.factor = 40;
    rope.attention_factor = static_cast<float>((0.0707 * std::log(40.0) + 1) / (0.1 * std::log(40.0) + 1));
  }
  return rope;
}

TEST(Rope, ScalingAgreesWithTransformers) {
  const auto golden = ReadGolden();
  ASSERT_EQ(golden.size(), 5u);
  for (const auto& [name, expected] : golden) {
    const RopeConfig rope = Case(name);
    const std::vector<double> frequencies = rope.InverseFrequencies();
    EXPECT_NEAR(rope.Magnitude(), expected.magnitude, 1e-6) << name;
    ASSERT_EQ(frequencies.size(), expected.frequencies.size()) << name;
    for (size_t i = 0; i < frequencies.size(); ++i) {
      // transformers computes in f32: a few roundings of 2^-24 each.
      EXPECT_NEAR(frequencies[i] / expected.frequencies[i], 1.0, 8 * 0x1p-24) << name << " pair " << i;
    }
  }
}

TEST(Rope, PlainFrequenciesAndDivisors) {
  RopeConfig rope;
  rope.theta = 10000;
  rope.dims = 8;
  EXPECT_NEAR(rope.InverseFrequencies()[3], 1e-3, 1e-15);
  rope.freq_divisors = {1, 2, 4, 8};
  EXPECT_NEAR(rope.InverseFrequencies()[3], 1e-3 / 8, 1e-15);
  EXPECT_EQ(rope.Magnitude(), 1.0);
  EXPECT_EQ(rope.ExtendedContext(100), 100);
}

}  // namespace
}  // namespace longshot
