#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/types.h"
#include "runtime/config/field.h"
#include "kernels/top_k.h"

namespace longshot {

/// Sampling settings; names and defaults are llama.cpp's. Temperature 0 is greedy.
struct SamplingConfig {
  double temperature = 0.8;
  int64_t top_k = 40;           ///< 0: off
  double top_p = 0.95;          ///< 1: off
  double min_p = 0.05;          ///< 0: off
  double repeat_penalty = 1.0;  ///< 1: off
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  int64_t repeat_last_n = 64;  ///< tokens that penalties look back; 0: off, -1: all

  bool HasPenalties() const;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "temperature",
                .flags = "--temp",
                .aliases = {"--temperature"},
                .minimum = 0,
                .maximum = 100,
                .help = "0 is greedy"},
          self.temperature);
    visit(Field{.name = "top_k", .flags = "--top-k", .minimum = 0, .maximum = 1 << 24, .help = "0: off"}, self.top_k);
    visit(Field{.name = "top_p", .flags = "--top-p", .minimum = 0, .maximum = 1, .help = "1: off"}, self.top_p);
    visit(Field{.name = "min_p", .flags = "--min-p", .minimum = 0, .maximum = 1, .help = "0: off"}, self.min_p);
    visit(
        Field{.name = "repeat_penalty", .flags = "--repeat-penalty", .minimum = 0.01, .maximum = 100, .help = "1: off"},
        self.repeat_penalty);
    visit(Field{.name = "presence_penalty",
                .flags = "--presence-penalty",
                .minimum = -100,
                .maximum = 100,
                .help = "0: off"},
          self.presence_penalty);
    visit(Field{.name = "frequency_penalty",
                .flags = "--frequency-penalty",
                .minimum = -100,
                .maximum = 100,
                .help = "0: off"},
          self.frequency_penalty);
    visit(Field{.name = "repeat_last_n",
                .flags = "--repeat-last-n",
                .minimum = -1,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "how far penalties look back; 0: off, -1: everything"},
          self.repeat_last_n);
  }
};

/// A probability row after all processors, as a sorted sparse law. Made only by `Sampler`.
struct Distribution {
  std::vector<Token> ids;             ///< support, ascending ids, never empty
  std::vector<double> probabilities;  ///< sum 1
  std::vector<double> log_weights;    ///< log probability up to a constant of the row; the largest is 0

  /// Makes room for a support of `tokens`.
  void Reserve(size_t tokens);
  /// 0 outside the support.
  double Probability(Token token) const;
  /// Most probable token; ties to the lowest id.
  Token Argmax() const;
};

/// Applies, in llama.cpp's order, penalties, top-k, top-p, min-p and temperature. The same object serves
/// draft and target rows, so both are warped alike. A pure function of its arguments, the history included;
/// scratch memory is kept inside, so one object is not to be used by two threads at once.
class Sampler {
 public:
  /// Penalties make room once for as many tokens as they look back, at most `longest_history`.
  explicit Sampler(const SamplingConfig& config, int64_t longest_history = 0);

  const SamplingConfig& config() const { return config_; }
  bool greedy() const { return config_.temperature <= 0; }

  /// logits: [V]. The history that penalties see is `committed` followed by `path`. Temperature 0 gives a point mass on
  /// the argmax (ties to the lowest id). Other laws get room for V tokens once. A token of logit -inf is never in the
  /// support; a row of -inf only is a CHECK failure. Errors: kFormat for a NaN or +inf: the model's file is damaged.
  /// Cost: a few scans of V; a sort of V only with top-k off and a row so flat that its best 256 do not reach top-p.
  void Process(std::span<const float> logits, std::span<const Token> committed, std::span<const Token> path,
               Distribution& out) const;

 private:
  void Penalize(std::span<float> logits, std::span<const Token> committed, std::span<const Token> path) const;
  /// top-k, top-p, min-p: leaves the surviving tokens in candidates_.
  void Truncate(std::span<const float> logits) const;

  SamplingConfig config_;
  mutable std::vector<float> penalized_;
  mutable std::vector<Token> recent_;
  mutable std::vector<Candidate> candidates_;
};

}  // namespace longshot
