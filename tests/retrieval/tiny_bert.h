#pragma once

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/draws.h"
#include "tests/runtime/model/safetensors_writer.h"
#include "tests/runtime/model/temporary_folder.h"

namespace longshot {

struct TinyBertShape {
  int layers = 2, heads = 3, dims = 24, ffn = 40, positions = 32;
};

inline const char* const kTinyVocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\nc\nd\n##a\n##b\n##c\n##d\nab\n##cd\n.\n,\n";
inline constexpr int kTinyPieces = 16;

/// A random BERT encoder: what its files hold, and its definition in double precision.
class TinyBert {
 public:
  explicit TinyBert(const TinyBertShape& shape, uint64_t seed = 7) : shape_(shape), draws_(seed) {
    const int dims = shape.dims;
    Add("embeddings.word_embeddings.weight", {kTinyPieces, dims}, 0, 1);
    Add("embeddings.position_embeddings.weight", {shape.positions, dims}, 0, 0.5);
    Add("embeddings.token_type_embeddings.weight", {2, dims}, 0, 0.5);
    AddNorm("embeddings.LayerNorm");
    for (int layer = 0; layer < shape.layers; ++layer) {
      const std::string prefix = fmt::format("encoder.layer.{}.", layer);
      for (const char* name : {"query", "key", "value"}) AddLinear(prefix + "attention.self." + name, dims, dims);
      AddLinear(prefix + "attention.output.dense", dims, dims);
      AddNorm(prefix + "attention.output.LayerNorm");
      AddLinear(prefix + "intermediate.dense", shape.ffn, dims);
      AddLinear(prefix + "output.dense", dims, shape.ffn);
      AddNorm(prefix + "output.LayerNorm");
    }
  }

  std::string Config() const {
    return fmt::format(
        R"({{"model_type": "bert", "hidden_act": "gelu", "hidden_size": {}, "intermediate_size": {},
             "layer_norm_eps": 1e-12, "max_position_embeddings": {}, "num_attention_heads": {},
             "num_hidden_layers": {}, "position_embedding_type": "absolute", "type_vocab_size": 2, "vocab_size": {}}})",
        shape_.dims, shape_.ffn, shape_.positions, shape_.heads, shape_.layers, kTinyPieces);
  }
  SafetensorsWriter Writer(const std::string& prefix = "") const {
    SafetensorsWriter writer;
    for (const std::string& name : order_) {
      const Tensor& tensor = tensors_.at(name);
      std::string data(tensor.values.size() * sizeof(float), '\0');
      std::memcpy(data.data(), tensor.values.data(), data.size());
      writer.tensors.push_back({prefix + name, "F32", {tensor.shape.begin(), tensor.shape.end()}, std::move(data)});
    }
    return writer;
  }
  void Write(const TemporaryFolder& folder) const {
    folder.Write("config.json", Config());
    folder.Write("vocab.txt", kTinyVocab);
    folder.Write("model.safetensors", Writer().Build());
  }

  /// The unit vector of one window, [CLS] and [SEP] included, as the definition has it.
  std::vector<double> Embed(const std::vector<int32_t>& ids, bool mean) const;

 private:
  struct Tensor {
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  using Rows = std::vector<std::vector<double>>;

  void Add(const std::string& name, std::vector<int64_t> shape, float centre, double spread) {
    int64_t count = 1;
    for (const int64_t dim : shape) count *= dim;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = centre + static_cast<float>(spread * draws_.Normal());
    tensors_.emplace(name, Tensor{std::move(shape), std::move(values)});
    order_.push_back(name);
  }
  void AddLinear(const std::string& name, int outputs, int inputs) {
    Add(name + ".weight", {outputs, inputs}, 0, 1.5 / std::sqrt(inputs));
    Add(name + ".bias", {outputs}, 0, 0.2);
  }
  void AddNorm(const std::string& name) {
    Add(name + ".weight", {shape_.dims}, 1, 0.2);
    Add(name + ".bias", {shape_.dims}, 0, 0.2);
  }

  const std::vector<float>& Values(const std::string& name) const { return tensors_.at(name).values; }
  Rows Linear(const std::string& name, const Rows& x) const;
  void Norm(const std::string& name, Rows& x) const;
  Rows Attend(const std::string& prefix, const Rows& x) const;

  TinyBertShape shape_;
  Draws draws_;
  std::map<std::string, Tensor> tensors_;
  std::vector<std::string> order_;
};

inline TinyBert::Rows TinyBert::Linear(const std::string& name, const Rows& x) const {
  const std::vector<float>&weight = Values(name + ".weight"), &bias = Values(name + ".bias");
  Rows y(x.size(), std::vector<double>(bias.begin(), bias.end()));
  for (size_t r = 0; r < x.size(); ++r) {
    for (size_t o = 0; o < bias.size(); ++o) {
      for (size_t i = 0; i < x[r].size(); ++i) y[r][o] += double{weight[o * x[r].size() + i]} * x[r][i];
    }
  }
  return y;
}

inline void TinyBert::Norm(const std::string& name, Rows& x) const {
  const std::vector<float>&weight = Values(name + ".weight"), &bias = Values(name + ".bias");
  for (auto& row : x) {
    double mean = 0, variance = 0;
    for (const double value : row) mean += value / row.size();
    for (const double value : row) variance += (value - mean) * (value - mean) / row.size();
    for (size_t i = 0; i < row.size(); ++i)
      row[i] = (row[i] - mean) / std::sqrt(variance + 1e-12) * weight[i] + bias[i];
  }
}

inline TinyBert::Rows TinyBert::Attend(const std::string& prefix, const Rows& x) const {
  const Rows q = Linear(prefix + "query", x), k = Linear(prefix + "key", x), v = Linear(prefix + "value", x);
  const size_t dim = static_cast<size_t>(shape_.dims / shape_.heads);
  Rows out(x.size(), std::vector<double>(x[0].size()));
  for (size_t h = 0; h < static_cast<size_t>(shape_.heads); ++h) {
    for (size_t r = 0; r < x.size(); ++r) {
      std::vector<double> p(x.size());
      double sum = 0;
      for (size_t j = 0; j < x.size(); ++j) {
        double score = 0;
        for (size_t d = h * dim; d < (h + 1) * dim; ++d) score += q[r][d] * k[j][d];
        sum += p[j] = std::exp(score / std::sqrt(static_cast<double>(dim)));
      }
      for (size_t j = 0; j < x.size(); ++j) {
        for (size_t d = h * dim; d < (h + 1) * dim; ++d) out[r][d] += p[j] / sum * v[j][d];
      }
    }
  }
  return out;
}

inline std::vector<double> TinyBert::Embed(const std::vector<int32_t>& ids, bool mean) const {
  const auto add = [](Rows& to, const Rows& from) {
    for (size_t r = 0; r < to.size(); ++r) {
      for (size_t i = 0; i < to[r].size(); ++i) to[r][i] += from[r][i];
    }
  };
  const auto dims = static_cast<size_t>(shape_.dims);
  Rows x(ids.size(), std::vector<double>(dims));
  for (size_t r = 0; r < ids.size(); ++r) {
    for (size_t i = 0; i < dims; ++i) {
      x[r][i] = double{Values("embeddings.word_embeddings.weight")[static_cast<size_t>(ids[r]) * dims + i]} +
                Values("embeddings.position_embeddings.weight")[r * dims + i] +
                Values("embeddings.token_type_embeddings.weight")[i];
    }
  }
  Norm("embeddings.LayerNorm", x);
  for (int layer = 0; layer < shape_.layers; ++layer) {
    const std::string prefix = fmt::format("encoder.layer.{}.", layer);
    add(x, Linear(prefix + "attention.output.dense", Attend(prefix + "attention.self.", x)));
    Norm(prefix + "attention.output.LayerNorm", x);
    Rows hidden = Linear(prefix + "intermediate.dense", x);
    for (auto& row : hidden) {
      for (double& value : row) value *= 0.5 * (1 + std::erf(value / std::sqrt(2.0)));
    }
    add(x, Linear(prefix + "output.dense", hidden));
    Norm(prefix + "output.LayerNorm", x);
  }
  std::vector<double> vector(dims);
  double squares = 0;
  for (size_t i = 0; i < dims; ++i) {
    for (size_t r = 0; r < (mean ? x.size() : 1); ++r) vector[i] += x[r][i];
    squares += vector[i] * vector[i];
  }
  for (double& value : vector) value /= std::sqrt(squares);
  return vector;
}

}  // namespace longshot
