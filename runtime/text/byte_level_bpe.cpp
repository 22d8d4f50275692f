#include "runtime/text/byte_level_bpe.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <functional>

#include "core/error.h"
#include "runtime/text/byte_alphabet.h"
#include "core/utf8.h"

namespace longshot {
namespace {

// Words longer than this are rarely seen twice, and hashing them would cost as much as merging.
constexpr size_t kLongestCachedWord = 64;

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}

// Whether merged text may become this token: its bytes must be the text's, and control tokens are never text.
bool IsText(TokenKind kind, const std::string& piece) {
  if (kind == TokenKind::kUserDefined) return PieceToBytes(piece) == piece;
  return kind == TokenKind::kNormal || kind == TokenKind::kUnused;
}

}  // namespace

// Numbers the strings that bytes and merges make. Symbols 0 to 255 are the bytes. A flat table: every command waits for
// three look-ups a merge, which a table of nodes takes several times as long for.
class ByteLevelBpe::Interner {
 public:
  explicit Interner(size_t expected) : slots_(std::bit_ceil(2 * expected + 512)) {
    for (int byte = 0; byte < 256; ++byte) Intern(ByteCharacter(byte));
  }
  size_t size() const { return texts_.size(); }
  // kNoSymbol: it has none.
  Symbol Find(std::string_view text) const { return slots_[Place(text, HashOf(text))].symbol; }
  // `text` must outlive the table.
  Symbol Intern(std::string_view text) {
    if (2 * texts_.size() >= slots_.size()) Grow();
    const uint32_t hash = HashOf(text);
    Slot& slot = slots_[Place(text, hash)];
    if (slot.symbol == kNoSymbol) {
      slot = {hash, static_cast<Symbol>(texts_.size())};
      texts_.push_back(text);
    }
    return slot.symbol;
  }
  Symbol InternMerged(std::string_view left, std::string_view right) {
    made_.emplace_back(left).append(right);
    const size_t before = size();
    const Symbol symbol = Intern(made_.back());
    if (size() == before) made_.pop_back();
    return symbol;
  }

 private:
  struct Slot {
    uint32_t hash = 0;
    Symbol symbol = kNoSymbol;
  };
  static uint32_t HashOf(std::string_view text) { return static_cast<uint32_t>(std::hash<std::string_view>()(text)); }
  // Where the text stands, or an empty slot for it.
  size_t Place(std::string_view text, uint32_t hash) const {
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].symbol != kNoSymbol && (slots_[at].hash != hash || texts_[slots_[at].symbol] != text)) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }
  void Grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.symbol != kNoSymbol) slots_[Place(texts_[slot.symbol], slot.hash)] = slot;
    }
  }

  std::vector<Slot> slots_;              // a power of two, at most half full
  std::vector<std::string_view> texts_;  // by symbol
  std::deque<std::string> made_;         // texts that no merge or byte holds
};

ByteLevelBpe::ByteLevelBpe(const Vocabulary& vocabulary) : pre_tokenizer_(vocabulary.pre) {
  Interner interner(vocabulary.pieces.size());
  AddMerges(vocabulary, interner);
  token_of_symbol_.assign(interner.size(), kNoToken);
  for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
    if (!IsText(vocabulary.kinds[id], vocabulary.pieces[id])) continue;
    const Symbol symbol = interner.Find(vocabulary.pieces[id]);
    if (symbol != kNoSymbol) token_of_symbol_[symbol] = static_cast<Token>(id);
    if (!pre_tokenizer_.ignores_merges()) continue;
    std::string bytes = PieceToBytes(vocabulary.pieces[id]);
    longest_whole_word_ = std::max(longest_whole_word_, bytes.size());
    whole_words_[std::move(bytes)] = static_cast<Token>(id);
  }
  std::copy_n(token_of_symbol_.begin(), token_of_byte_.size(), token_of_byte_.begin());
}

void ByteLevelBpe::AddMerges(const Vocabulary& vocabulary, Interner& interner) {
  merges_.reserve(vocabulary.merges.size());
  int32_t rank = 0;
  for (const auto& [left, right] : vocabulary.merges) {
    if (left.empty() || right.empty()) Throw(ErrorCode::kFormat, "tokenizer: merge {} has an empty side", rank);
    const Symbol left_symbol = interner.Intern(left), right_symbol = interner.Intern(right);
    merges_.try_emplace(PairKey(left_symbol, right_symbol), Merge{rank++, interner.InternMerged(left, right)});
  }
}

int64_t ByteLevelBpe::Encode(std::string_view text, std::vector<Token>& out) const {
  struct Range {
    size_t begin, size;
  };
  std::unordered_map<std::string_view, Range> seen;  // tokens of a word met before, as a range of `out`
  Scratch scratch;
  for (std::string_view word : pre_tokenizer_.Split(text)) {
    const bool cached = word.size() <= kLongestCachedWord;
    if (cached) {
      if (const auto it = seen.find(word); it != seen.end()) {
        for (size_t i = 0; i < it->second.size; ++i) out.push_back(out[it->second.begin + i]);
        continue;
      }
    }
    const size_t begin = out.size();
    if (CodePointLength(word.substr(0, 4)) > 0) {
      EncodeWord(word, scratch, out);
    } else {
      EncodeInvalid(word, scratch, out);
    }
    if (cached) seen.emplace(word, Range{begin, out.size() - begin});
  }
  return scratch.looked_at;
}

void ByteLevelBpe::EncodeInvalid(std::string_view bytes, Scratch& scratch, std::vector<Token>& out) const {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
  while (!bytes.empty()) {
    size_t spelled = 0;
    while (spelled < bytes.size() && HasByte(static_cast<uint8_t>(bytes[spelled]))) ++spelled;
    if (spelled > 0) {
      EncodeWord(bytes.substr(0, spelled), scratch, out);
    } else {
      EncodeWord(kReplacement, scratch, out);
    }
    bytes.remove_prefix(std::max<size_t>(spelled, 1));
  }
}

void ByteLevelBpe::EncodeWord(std::string_view word, Scratch& scratch, std::vector<Token>& out) const {
  if (const Token whole = WholeWord(word); whole != kNoToken) return out.push_back(whole);
  MergeWord(word, scratch);
  size_t byte = 0;
  for (int32_t place = 0; place >= 0; place = scratch.places[place].next) {
    const int32_t next = scratch.places[place].next;
    const size_t end = next >= 0 ? static_cast<size_t>(next) : word.size();
    const Token token = token_of_symbol_[scratch.places[place].symbol];
    if (token != kNoToken) {
      out.push_back(token);
    } else {
      AppendBytes(word.substr(byte, end - byte), out);
    }
    byte = end;
  }
}

void ByteLevelBpe::MergeWord(std::string_view word, Scratch& scratch) const {
  CHECK(!word.empty() && word.size() <= INT32_MAX);
  const auto size = static_cast<int32_t>(word.size());
  std::vector<Place>& places = scratch.places;
  places.clear();
  for (int32_t i = 0; i < size; ++i) {
    places.push_back({static_cast<uint8_t>(word[i]), i - 1, i + 1 < size ? i + 1 : -1});
  }
  for (int32_t i = 1; i < size; ++i) AddCandidate(i - 1, i, scratch);
  while (!scratch.candidates.empty()) {
    const Candidate best = scratch.candidates.top();
    scratch.candidates.pop();
    Place& left = places[best.left];
    Place& right = places[best.right];
    if (left.symbol != best.left_symbol || right.symbol != best.right_symbol || left.next != best.right) continue;
    left.symbol = best.result;
    left.next = right.next;
    right.symbol = kNoSymbol;
    if (right.next >= 0) places[right.next].previous = best.left;
    AddCandidate(left.previous, best.left, scratch);
    AddCandidate(best.left, left.next, scratch);
  }
}

void ByteLevelBpe::AddCandidate(int32_t left, int32_t right, Scratch& scratch) const {
  if (left < 0 || right < 0) return;
  ++scratch.looked_at;
  const Symbol left_symbol = scratch.places[left].symbol, right_symbol = scratch.places[right].symbol;
  const auto merge = merges_.find(PairKey(left_symbol, right_symbol));
  if (merge == merges_.end()) return;
  scratch.candidates.push({merge->second.rank, left, right, left_symbol, right_symbol, merge->second.result});
}

Token ByteLevelBpe::WholeWord(std::string_view word) const {
  if (whole_words_.empty() || word.size() > longest_whole_word_) return kNoToken;
  const auto it = whole_words_.find(std::string(word));
  return it != whole_words_.end() ? it->second : kNoToken;
}

void ByteLevelBpe::AppendBytes(std::string_view bytes, std::vector<Token>& out) const {
  for (char byte : bytes) {
    if (HasByte(static_cast<uint8_t>(byte))) out.push_back(token_of_byte_[static_cast<uint8_t>(byte)]);
  }
}

}  // namespace longshot
