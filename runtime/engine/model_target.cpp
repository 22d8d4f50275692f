#include "runtime/engine/model_target.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "core/error.h"

namespace longshot {
namespace {

ModelTargetOptions Resolve(ModelTargetOptions options, const ModelConfig& config) {
  if (options.max_context == 0) options.max_context = config.context;
  if (config.sliding_window > 0 && options.max_context > config.sliding_window) {
    Throw(ErrorCode::kUnsupported,
          "{} attends to a sliding window of {} tokens, which this build reads as full attention: use -c {} or less",
          config.name, config.sliding_window, config.sliding_window);
  }
  return options;
}

}  // namespace

ModelTarget::ModelTarget(const Model* model, const ModelTargetOptions& options)
    : model_(model),
      options_(Resolve(options, model->config())),
      store_(&model->backend()),
      scratch_(model->backend(), model->config(), options.pass_rows(), options.max_rows),
      chain_parent_(options.pass_rows()),
      chain_depth_(options.pass_rows()),
      scored_(1) {
  CHECK(options.prefill_rows >= 1 && options.max_rows >= 1, "passes of {} and {} rows", options.prefill_rows,
        options.max_rows);
  std::iota(chain_parent_.begin(), chain_parent_.end(), -1);
  std::iota(chain_depth_.begin(), chain_depth_.end(), 0);
  if (!model->backend().host_addressable()) host_logits_.resize(options.max_rows * vocab_size());
}

ModelTarget::~ModelTarget() = default;

int64_t ModelTarget::ScratchBytes(const ModelConfig& config, const ModelTargetOptions& options) {
  return Scratch::Bytes(config, options.pass_rows(), options.max_rows);
}

SequenceId ModelTarget::Open(int64_t capacity) {
  if (capacity > options_.max_context) {
    Throw(ErrorCode::kCapacity, "{} tokens do not fit the context of {}", capacity, options_.max_context);
  }
  const SequenceId sequence = store_.Open(model_->Geometry(capacity, options_.k_type, options_.v_type));
  if (rounds_.size() <= static_cast<size_t>(sequence)) rounds_.resize(sequence + 1);
  return sequence;
}

void ModelTarget::Close(SequenceId sequence) {
  rounds_[sequence].reset();
  store_.Close(sequence);
}

MatrixView ModelTarget::Feed(SequenceId sequence, std::span<const Token> tokens, int64_t logit_rows) {
  const auto rows = static_cast<int64_t>(tokens.size());
  CHECK(rows <= options_.pass_rows(), "{} rows in a pass of at most {}", rows, options_.pass_rows());
  const RowTopology chain{store_.committed(sequence), std::span(chain_parent_).first(rows),
                          std::span(chain_depth_).first(rows), true};
  const MatrixView logits = model_->Forward({.tokens = tokens,
                                             .topology = chain,
                                             .kv = &store_.buffer(sequence),
                                             .logits = logit_rows > 0,
                                             .logits_begin = rows - logit_rows,
                                             .prompt = true},
                                            scratch_);
  store_.CommitPrefill(sequence, rows);
  return logits;
}

bool ModelTarget::Prefill(const PrefillRequest& request) {
  rounds_[request.sequence].reset();
  const auto total = static_cast<int64_t>(request.tokens.size());
  const int64_t tapped = request.tap != nullptr ? std::min<int64_t>(request.tap_rows, total) : 0;
  if (request.tap != nullptr) {
    request.tap->first_position = store_.committed(request.sequence) + total - tapped;
    request.tap->k = request.tap_k;
    request.tap->top.resize(tapped * request.tap_k);
  }
  for (int64_t done = 0; done < total;) {
    // Rows that a drafter wants to see need logits, which come in smaller pieces.
    const int64_t before_tap = total - tapped - done;
    const int64_t most = before_tap > 0 ? options_.prefill_rows : std::min(options_.prefill_rows, options_.max_rows);
    const int64_t rows = std::min(before_tap > 0 ? before_tap : total - done, most);
    const MatrixView logits = Feed(request.sequence, request.tokens.subspan(done, rows), before_tap > 0 ? 0 : rows);
    if (before_tap <= 0 && rows > 0) {
      model_->backend().TopK(logits, request.tap_k,
                             std::span(request.tap->top).subspan(-before_tap * request.tap_k, rows * request.tap_k));
      model_->backend().Synchronize();
    }
    done += rows;
    if (request.progress && !request.progress(done, total)) return false;
  }
  return true;
}

std::span<const float> ModelTarget::OnHost(MatrixView logits) {
  CHECK(logits.stride == logits.cols, "logits of a pass are one block");
  const auto count = static_cast<size_t>(logits.rows * logits.cols);
  Backend& backend = model_->backend();
  std::span<const float> on_host(logits.data, count);
  if (!backend.host_addressable()) {
    backend.Download(logits.data, std::span(host_logits_).first(count));
    on_host = std::span(host_logits_).first(count);
  }
  backend.Synchronize();
  return on_host;
}

std::span<const ScoredRows> ModelTarget::Score(std::span<const ScoreRequest> requests) {
  CHECK(requests.size() == 1, "one request a pass, got {}", requests.size());
  const ScoreRequest& request = requests[0];
  const TokenTree& tree = *request.tree;
  std::optional<Round>& round = rounds_[request.sequence];
  if (request.first_node == 0) {
    round.reset();
    const int64_t room = store_.capacity(request.sequence) - store_.committed(request.sequence);
    round.emplace(store_.BeginRound(request.sequence, std::max(tree.size(), std::min(room, options_.max_rows))));
  }
  CHECK(round && tree.size() <= round->rows() && tree.size() <= options_.max_rows, "{} nodes", tree.size());
  const MatrixView logits = model_->Forward({.tokens = tree.tokens().subspan(request.first_node),
                                             .topology = tree.Topology(round->base()),
                                             .first_row = request.first_node,
                                             .kv = &store_.buffer(request.sequence),
                                             .view = request.view},
                                            scratch_);
  scored_[0] = ScoredRows(request.first_node, logits.rows, OnHost(logits), logits.cols);
  return scored_;
}

void ModelTarget::Commit(SequenceId sequence, std::span<const NodeId> path) {
  CHECK(rounds_[sequence].has_value(), "nothing was scored");
  rounds_[sequence]->Commit(path);
  rounds_[sequence].reset();
}

int64_t ModelTarget::BytesOf(SequenceId sequence) const {
  return store_.ImageBytes(sequence, store_.committed(sequence)) * model_->config().layers;
}

int64_t ModelTarget::free_rows(SequenceId sequence) const {
  return std::min(options_.max_rows, store_.capacity(sequence) - store_.committed(sequence));
}

double ModelTarget::PassMs(SequenceId sequence, const TokenTree& tree, const KvView* view, int repeats, bool logits) {
  // Layers are alike: a part of them tells what all of them take, and few are enough where many rows take long.
  constexpr int kFewestLayers = 4, kPart = 4, kManyRows = 6;
  CHECK(!rounds_[sequence].has_value(), "a scored tree waits for its commit");
  const int layers = model_->config().layers, part = tree.size() < kManyRows ? layers / kPart : kFewestLayers;
  const int timed = std::min(layers, std::max(kFewestLayers, part));
  const Round round = store_.BeginRound(sequence, tree.size());
  const auto time_ms = [&](int begin, int end, bool head) {
    const auto start = std::chrono::steady_clock::now();
    model_->Forward({.layer_begin = begin,
                     .layer_end = end,
                     .tokens = tree.tokens(),
                     .topology = tree.Topology(round.base()),
                     .kv = &store_.buffer(sequence),
                     .view = view,
                     .logits = head},
                    scratch_);
    model_->backend().Synchronize();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  double least_layers = 0, least_head = 0;
  for (int i = 0; i < repeats; ++i) {
    const double of_layers = time_ms(0, timed, false), of_head = logits ? time_ms(layers, layers, true) : 0;
    least_layers = i == 0 ? of_layers : std::min(least_layers, of_layers);
    least_head = i == 0 ? of_head : std::min(least_head, of_head);
  }
  return least_layers * layers / timed + least_head;
}

}  // namespace longshot
