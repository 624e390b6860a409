#include <librebird/core/audit/chain.hpp>

#include <librebird/base/random.hpp>

#include <fmt/format.h>

#include <array>

namespace librebird {
namespace {

// How far from its place a moved row is looked for.
constexpr std::int64_t kSearch = 2000;

std::string described(const AuditRecord& record) {
  // What an altered row says about itself goes to a terminal.
  const auto plain = [](std::string_view text) {
    std::string out(text.substr(0, 60));
    for (char& c : out) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    return out;
  };
  return fmt::format("row {} ({}{}{}, id {}, {})", record.seq, plain(record.kind), record.subject.empty() ? "" : " of ",
                     plain(record.subject), plain(record.id), to_rfc3339(record.created_at));
}

}  // namespace

void append_netstring(std::string& out, std::string_view text) {
  out += fmt::format_int(text.size()).c_str();
  out += ':';
  out += text;
  out += ',';
}

std::string chain_hash(const AuditRecord& r) {
  std::string text;
  text.reserve(512 + r.detail.size());
  const auto number = [&text](std::int64_t value) {
    const fmt::format_int digits(value);
    append_netstring(text, {digits.data(), digits.size()});
  };
  append_netstring(text, "librebird-audit-v1");
  number(r.seq);
  for (const std::string* field : {&r.workspace_id, &r.prev_hash, &r.id, &r.kind, &r.call_id}) {
    append_netstring(text, *field);
  }
  number(r.run);
  for (const std::string* field : {&r.user_id, &r.role, &r.credential_id, &r.conversation_id, &r.turn_id, &r.subject,
                                   &r.arguments_sha256, &r.outcome, &r.detail}) {
    append_netstring(text, *field);
  }
  number(r.duration_ms);
  number(r.created_at);
  return sha256_hex(text);
}

std::string sealed_text(const AuditHead& head) {
  std::string text;
  append_netstring(text, "librebird-audit-head-v1");
  append_netstring(text, head.workspace_id);
  append_netstring(text, std::to_string(head.seq));
  append_netstring(text, head.hash);
  append_netstring(text, std::to_string(head.pruned_seq));
  append_netstring(text, head.pruned_hash);
  return text;
}

ChainVerifier::ChainVerifier(std::int64_t pruned_seq, std::string pruned_hash)
    : seq_(pruned_seq), hash_(std::move(pruned_hash)) {}

void ChainVerifier::expect(std::int64_t seq, std::string hash) {
  expected_seq_ = seq;
  expected_hash_ = std::move(hash);
}

void ChainVerifier::complain(std::int64_t seq, std::string what) {
  if (++count_ <= kMaxProblems) problems_.push_back({seq, std::move(what)});
}

std::string ChainVerifier::altered(const AuditRecord& record) const {
  AuditRecord moved = record;
  for (std::int64_t step = 1; step <= kSearch && problems_.size() < 10; ++step) {
    for (const std::int64_t seq : {record.seq - step, record.seq + step}) {
      moved.seq = seq;
      if (seq > 0 && chain_hash(moved) == record.hash) {
        return fmt::format("{} is out of order: it was written as row {}.", described(record), seq);
      }
    }
  }
  return fmt::format("{} was altered: its content does not match its hash.", described(record));
}

void ChainVerifier::feed(const AuditRecord& record) {
  ++rows_;
  bool linked = !broken_;
  if (record.seq <= seq_) {
    complain(record.seq, fmt::format("{} stands there a second time.", described(record)));
    return;
  }
  if (record.seq > seq_ + 1) {
    const std::int64_t last = record.seq - 1;
    complain(seq_ + 1, last == seq_ + 1 ? fmt::format("row {} is missing.", last)
                                        : fmt::format("rows {} to {} are missing.", seq_ + 1, last));
    linked = false;  // the gap explains why the hashes do not meet
  }
  const bool sound = chain_hash(record) == record.hash;
  if (!sound) {
    complain(record.seq, altered(record));
  } else if (linked && record.prev_hash != hash_) {
    complain(record.seq,
             fmt::format("{} does not follow the row before it: one of the two was replaced.", described(record)));
  }
  if (record.seq == expected_seq_ && record.hash != expected_hash_) {
    complain(record.seq,
             fmt::format("{} is not the row that was noted: the chain was written anew.", described(record)));
  }
  broken_ = !sound;
  seq_ = record.seq;
  hash_ = record.hash;
}

void ChainVerifier::finish(std::int64_t seq, std::string_view hash) {
  if (seq_ < seq) {
    complain(seq_ + 1, fmt::format("the end is missing: rows {} to {} were cut off.", seq_ + 1, seq));
  } else if (seq_ > seq) {
    complain(seq + 1, fmt::format("rows {} to {} were added past the sealed end.", seq + 1, seq_));
  } else if (hash_ != hash) {
    complain(seq, fmt::format("row {} is not the sealed end of the chain: rows were replaced.", seq));
  }
  if (expected_seq_ > seq_) {
    complain(
        expected_seq_,
        fmt::format("row {}, which was noted, is missing: the log was set back to an earlier state.", expected_seq_));
  }
}

}  // namespace librebird
