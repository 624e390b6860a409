#include <librebird/hands/vault/redactor.hpp>

#include "forms.hpp"
#include "json_text.hpp"

#include <librebird/hands/vault/lease.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>

namespace librebird::vault {
namespace {

constexpr std::uint32_t kRoot = 0;
constexpr std::int32_t kNone = -1;

struct Node {
  std::uint32_t fail = kRoot;
  std::uint32_t depth = 0;
  std::uint32_t first_child = 0;  // 0: none, the root is nobody's child
  std::uint32_t next_sibling = 0;
  std::int32_t longest = kNone;  // of the forms that end here: the length of the longest,
  std::int32_t value = kNone;    // and whose it is
  std::uint8_t byte = 0;
};

}  // namespace

struct Redactor::Automaton {
  std::vector<Node> nodes = std::vector<Node>(1);
  std::array<std::uint32_t, 256> from_root{};
  std::vector<std::string> replacements;
  std::array<bool, 256> used{};  // bytes that are in any form
  std::array<bool, 256> edge{};  // bytes that any form begins or ends with
  std::size_t longest = 0;       // of the forms

  [[nodiscard]] std::uint32_t child(std::uint32_t node, std::uint8_t byte) const {
    if (node == kRoot) return from_root[byte];
    for (std::uint32_t at = nodes[node].first_child; at != 0; at = nodes[at].next_sibling) {
      if (nodes[at].byte == byte) return at;
    }
    return 0;
  }

  [[nodiscard]] std::uint32_t next(std::uint32_t state, std::uint8_t byte) const {
    for (;;) {
      if (const std::uint32_t to = child(state, byte); to != 0) return to;
      if (state == kRoot) return kRoot;
      state = nodes[state].fail;
    }
  }

  void add(std::string_view form, std::int32_t value) {
    edge[static_cast<std::uint8_t>(form.front())] = edge[static_cast<std::uint8_t>(form.back())] = true;
    longest = std::max(longest, form.size());
    std::uint32_t at = kRoot;
    for (const char c : form) {
      const auto byte = static_cast<std::uint8_t>(c);
      used[byte] = true;
      std::uint32_t to = child(at, byte);
      if (to == 0) {
        to = static_cast<std::uint32_t>(nodes.size());
        Node node;
        node.byte = byte;
        node.depth = nodes[at].depth + 1;
        node.next_sibling = nodes[at].first_child;
        nodes.push_back(node);
        nodes[at].first_child = to;
        if (at == kRoot) from_root[byte] = to;
      }
      at = to;
    }
    if (nodes[at].longest == kNone) {
      nodes[at].longest = static_cast<std::int32_t>(form.size());
      nodes[at].value = value;
    }
  }

  // Breadth first: a node's failure link is made from that of its parent, which is nearer to the root.
  void link() {
    std::deque<std::uint32_t> queue{kRoot};
    while (!queue.empty()) {
      const std::uint32_t at = queue.front();
      queue.pop_front();
      for (std::uint32_t to = nodes[at].first_child; to != 0; to = nodes[to].next_sibling) {
        nodes[to].fail = at == kRoot ? kRoot : next(nodes[at].fail, nodes[to].byte);
        const Node& suffix = nodes[nodes[to].fail];
        if (nodes[to].longest == kNone) {
          nodes[to].longest = suffix.longest;
          nodes[to].value = suffix.value;
        }
        queue.push_back(to);
      }
    }
  }

  // Neither may the replacement hold a known value, nor may one arise where it touches the text around it: its first
  // and its last byte are in no form, so no form can reach across.
  void choose_replacements(const std::vector<KnownValue>& values) {
    const auto is_free = [this](char c) { return !used[static_cast<std::uint8_t>(c)]; };
    const auto fits = [&](const std::string& text) {
      if (text.empty() || !is_free(text.front()) || !is_free(text.back())) return false;
      std::uint32_t state = kRoot;
      for (const char c : text) {
        state = next(state, static_cast<std::uint8_t>(c));
        if (nodes[state].longest != kNone) return false;
      }
      return true;
    };
    std::string fallback;
    for (const char* text : {"[redacted]", "<redacted>", "{redacted}", "(redacted)", "*redacted*", "|redacted|", "***",
                             "#", "~", "^", "!", ";", "\x1a", "\x7f"}) {
      if (fallback.empty() && fits(text)) fallback = text;
    }
    if (fallback.empty()) fallback = last_resort();
    for (const KnownValue& known : values) {
      replacements.push_back(fits(known.replacement) ? known.replacement : fallback);
    }
  }

  // When the values use up every sign that a replacement could be made of: a byte that is in none of them, or else a
  // run longer than any form of a byte that none begins or ends with.
  [[nodiscard]] std::string last_resort() const {
    for (int byte = 0x21; byte < 0x100; ++byte) {
      if (!used[static_cast<std::size_t>(byte)]) return std::string(1, static_cast<char>(byte));
    }
    for (int byte = 0xff; byte > 0; --byte) {
      if (!edge[static_cast<std::size_t>(byte)]) return std::string(longest + 1, static_cast<char>(byte));
    }
    return {};
  }
};

Redactor::Redactor() : automaton_(std::make_unique<Automaton>()) {}

Redactor::Redactor(const std::vector<KnownValue>& values) {
  auto made = std::make_unique<Automaton>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].value.size() < kMinValueBytes) continue;
    for (std::string& form : forms_of(values[i].value)) {
      made->add(form, static_cast<std::int32_t>(i));
      wipe(form);
    }
  }
  made->link();
  made->choose_replacements(values);
  automaton_ = std::move(made);
}

Redactor::~Redactor() = default;

bool Redactor::empty() const { return automaton_->nodes.size() == 1; }

struct Redactor::Stream::Impl {
  // Half-open, in bytes since the beginning.
  struct Span {
    std::size_t begin;
    std::size_t end;
    std::int32_t value;
  };

  explicit Impl(const Automaton& a) : automaton(a) {}

  void take(std::string_view piece, std::string& out) {
    held += piece;
    for (const char c : piece) {
      state = automaton.next(state, static_cast<std::uint8_t>(c));
      ++position;
      const Node& node = automaton.nodes[state];
      if (node.longest == kNone) continue;
      ++seen;
      mark(position - static_cast<std::size_t>(node.longest), position, node.value);
    }
    // No later match begins before the text that the state stands for.
    say(position - automaton.nodes[state].depth, out);
  }

  void mark(std::size_t begin, std::size_t end, std::int32_t value) {
    while (!spans.empty() && spans.back().end > begin) {
      begin = std::min(begin, spans.back().begin);
      value = spans.back().value;
      spans.pop_back();
    }
    spans.push_back({begin, end, value});
  }

  void say(std::size_t until, std::string& out) {
    const auto copy = [&](std::size_t to) {
      if (to <= said) return;
      out.append(held, said - start, to - said);
      said = to;
    };
    while (!spans.empty()) {
      const Span span = spans.front();
      // One that reaches beyond may still grow.
      if (span.end > until) {
        until = std::min(until, span.begin);
        break;
      }
      copy(span.begin);
      out += automaton.replacements[static_cast<std::size_t>(span.value)];
      said = span.end;
      ++found;
      spans.pop_front();
    }
    copy(until);
    held.erase(0, said - start);
    start = said;
  }

  void reset() {
    state = kRoot;
    held.clear();
    start = said = position = 0;
  }

  const Automaton& automaton;
  std::shared_ptr<const Redactor> keep;
  std::uint32_t state = kRoot;
  std::string held;          // from `start` on
  std::size_t start = 0;     // offset of held[0]
  std::size_t said = 0;
  std::size_t position = 0;  // of the next byte
  std::deque<Span> spans;    // not yet said, in order, apart from each other
  std::size_t found = 0;
  std::size_t seen = 0;
};

Redactor::Stream::Stream(std::shared_ptr<const Redactor> redactor)
    : impl_(std::make_unique<Impl>(*redactor->automaton_)) {
  impl_->keep = std::move(redactor);
}
Redactor::Stream::~Stream() = default;

std::string Redactor::Stream::feed(std::string_view piece) {
  std::string out;
  impl_->take(piece, out);
  return out;
}

std::string Redactor::Stream::finish() {
  std::string out;
  impl_->say(impl_->position, out);
  impl_->reset();
  return out;
}

std::size_t Redactor::Stream::found() const { return impl_->found; }
std::size_t Redactor::Stream::seen() const { return impl_->seen; }

std::string Redactor::redact(std::string_view text, std::size_t* found) const {
  if (found != nullptr) *found = 0;
  if (empty()) return std::string(text);
  Stream stream(std::shared_ptr<const Redactor>(std::shared_ptr<void>(), this));
  std::string out = stream.feed(text);
  out += stream.finish();
  if (found != nullptr) *found = stream.found();
  return out;
}

std::string Redactor::redact_json(std::string_view json, std::size_t* found) const {
  std::size_t total = 0;
  if (found != nullptr) *found = 0;
  if (empty()) return std::string(json);
  // Without escapes the text of the strings stands there as it is: no need to take the JSON apart.
  if (json.find('\\') == std::string_view::npos) {
    std::string out = redact(json, &total);
    if (total == 0) return out;
    total = 0;
  }
  const auto clean = [&](std::string_view text) {
    std::size_t here = 0;
    std::string out = redact(text, &here);
    total += here;
    return out;
  };
  std::string out = map_json_text(json, clean);
  if (found != nullptr) *found = total;
  return out;
}

}  // namespace librebird::vault
