#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "session/runtime_options.h"
#include "drafters/registry.h"
#include "runtime/config/fields.h"
#include "runtime/spec/sampler.h"
#include "verifier/rules.h"

namespace longshot {

/// What is asked, of what, and how the answer may look.
struct PromptOptions {
  std::vector<std::string> documents;
  std::string question;
  std::string question_file;
  std::string system;
  std::string chat_template;
  std::string context = "full";

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "documents",
                .flags = "--doc",
                .unit = "PATH",
                .help = "long document: a file (text, HTML, PDF), a folder or - for standard input; may be repeated"},
          self.documents);
    visit(Field{.name = "prompt", .flags = "-p,--prompt", .help = "the question; it stands after the document"},
          self.question);
    visit(Field{.name = "prompt_file", .flags = "-f,--file", .unit = "PATH", .help = "the question, from a file"},
          self.question_file);
    visit(Field{.name = "system_prompt",
                .flags = "-sys,--system-prompt",
                .help = "system line; empty: the chat format's own"},
          self.system);
    visit(Field{.name = "chat_template",
                .flags = "--chat-template",
                .unit = "NAME",
                .help = "chat format or raw; empty: the one the model file names"},
          self.chat_template);
    visit(Field{.name = "context",
                .flags = "--context",
                .choices = {"full", "retrieved"},
                .help = "what the model reads of the documents; retrieved: the passages that --spec-rag-... finds, for "
                        "documents longer than the model's context: another context, so another answer"},
          self.context);
  }

  bool retrieves() const { return context == "retrieved"; }
};

/// Length and end of the answer.
struct AnswerOptions {
  int64_t ctx_size = 0;
  int64_t n_predict = -1;
  int64_t seed = -1;
  bool ignore_eos = false;
  std::vector<std::string> stops;
  std::string verify{VerifierNames().front()};
  MarginConfig margin;

  template <class Self, class Visitor>
  static void VisitFields(Self& self, Visitor&& visit) {
    visit(Field{.name = "ctx_size",
                .flags = "-c,--ctx-size",
                .minimum = 0,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "context; 0: what the request needs, at most the model's"},
          self.ctx_size);
    visit(Field{.name = "n_predict",
                .flags = "-n,--n-predict",
                .aliases = {"--predict", "--max-tokens"},
                .minimum = -1,
                .maximum = 1 << 30,
                .unit = "tokens",
                .help = "longest answer; -1: until the context is full"},
          self.n_predict);
    visit(Field{.name = "seed",
                .flags = "-s,--seed",
                .minimum = -1,
                .maximum = 9007199254740992.0,
                .help = "-1: random, and printed"},
          self.seed);
    visit(Field{.name = "ignore_eos", .flags = "--ignore-eos", .help = "do not end at end-of-text tokens"},
          self.ignore_eos);
    visit(Field{.name = "stop", .flags = "--stop", .help = "end before this text; may be repeated"}, self.stops);
    visit(Field{.name = "verify",
                .flags = "--spec-verify",
                .choices = {VerifierNames().begin(), VerifierNames().end()},
                .help = "acceptance rule"},
          self.verify);
    MarginConfig::VisitFields(self.margin, visit);
  }
};

/// Everything that decides the text and the speed of an answer.
struct GenerateOptions {
  RuntimeOptions runtime;
  PromptOptions prompt;
  AnswerOptions answer;
  SamplingConfig sampling;
  DrafterConfig drafter;

  /// The sections of the report's `config`, in the order of the help text. They point into this object.
  std::vector<Section> Sections() {
    return {{"prompt", BindFields(prompt)},
            {"answer", BindFields(answer)},
            {"sampling", BindFields(sampling)},
            {"speculative", BindFields(drafter)},
            {"runtime", BindFields(runtime)}};
  }
};

}  // namespace longshot
