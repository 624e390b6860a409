#include <librebird/cli/commands.hpp>

#include "audit_file.hpp"
#include "terminal.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/core/audit/chain.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>

namespace librebird::cli {
namespace {

constexpr int kPage = 1000;

std::string json_line(const AuditEntry& entry) {
  JsonWriter json;
  json.begin_object()
      .field("id", entry.id)
      .field("kind", to_string(entry.kind))
      .field("call_id", entry.call_id)
      .field("user_id", entry.principal.user_id)
      .field("workspace_id", entry.principal.workspace_id)
      .field("conversation_id", entry.conversation_id)
      .field("turn_id", entry.turn_id)
      .field("tool", entry.tool)
      .field("arguments_sha256", entry.arguments_sha256)
      .field("outcome", to_string(entry.outcome))
      .field("detail", entry.detail)
      .field("duration_ms", entry.duration.count())
      .field("created_at", to_rfc3339(entry.created_at))
      .end_object();
  return std::move(json).take();
}

void print_line(std::string_view kind, UnixMillis time, std::string_view outcome, std::int64_t millis,
                std::string_view subject, std::string_view detail) {
  // A call is told by its outcome, everything else by what it is.
  const bool call = kind.starts_with("call_");
  fmt::print("{}  {:<18}  {:>6} ms  {}{}{}\n", to_rfc3339(time), printable(call ? outcome : kind), millis,
             printable(subject), detail.empty() ? "" : ": ", printable(detail));
}

// The newest rows of a workspace, newest first, as they stand in its chain.
Task<int> list_rows(Operator op, std::string workspace, int limit, bool json) {
  const auto heads = co_await op.audit.heads();
  if (!heads) co_return fail(heads.error());
  const auto head = std::ranges::find(heads->heads, workspace, &AuditHead::workspace_id);
  if (head == heads->heads.end()) {
    co_return fail(make_error(Code::not_found,
                              "There is no audit log of this workspace: `librebird audit verify` names "
                              "those there are."));
  }
  std::vector<AuditRecord> rows;
  std::int64_t after = std::max(head->pruned_seq, head->seq - limit);
  for (;;) {
    auto page = co_await op.audit.read(workspace, after, kPage);
    if (!page) co_return fail(page.error());
    if (page->empty()) break;
    after = page->back().seq;
    std::ranges::move(*page, std::back_inserter(rows));
  }
  std::ranges::reverse(rows);
  for (const AuditRecord& row : rows) {
    if (json) {
      fmt::print("{}\n", to_line(row));
    } else {
      print_line("row", row.created_at, row.outcome, row.duration_ms, row.kind + " " + row.subject, row.detail);
    }
  }
  co_return 0;
}

// What came of verifying one chain.
struct Verdict {
  std::string workspace_id;
  ChainVerifier verifier;
  AuditHead head;
  std::string seal_note;
  std::vector<std::string> others;  // problems that belong to no row
};

int report(const std::vector<Verdict>& verdicts, const std::vector<std::string>& general, bool json) {
  std::size_t problems = general.size();
  for (const std::string& problem : general) {
    if (json) {
      JsonWriter out;
      out.begin_object().field("type", "problem").field("what", problem).end_object();
      fmt::print("{}\n", out.text());
    } else {
      fmt::print("PROBLEM  {}\n", printable(problem));
    }
  }
  for (const Verdict& verdict : verdicts) {
    const ChainVerifier& verifier = verdict.verifier;
    problems += verifier.problem_count() + verdict.others.size();
    if (json) {
      JsonWriter out;
      out.begin_object().field("type", "chain").field("workspace_id", verdict.workspace_id);
      out.field("rows", verifier.rows()).field("first", verdict.head.pruned_seq + 1).field("last", verifier.last_seq());
      out.field("hash", verifier.last_hash()).field("ok", verifier.ok() && verdict.others.empty());
      out.field("seal", verdict.seal_note).key("problems").begin_array();
      for (const std::string& what : verdict.others) out.begin_object().field("what", what).end_object();
      for (const ChainProblem& problem : verifier.problems()) {
        out.begin_object().field("seq", problem.seq).field("what", problem.what).end_object();
      }
      out.end_array().end_object();
      fmt::print("{}\n", out.text());
      continue;
    }
    const std::string name = printable(verdict.workspace_id);
    for (const std::string& what : verdict.others) fmt::print("PROBLEM  workspace {}: {}\n", name, printable(what));
    for (const ChainProblem& problem : verifier.problems())
      fmt::print("PROBLEM  workspace {}: {}\n", name, problem.what);
    if (verifier.problem_count() > verifier.problems().size()) {
      fmt::print("PROBLEM  workspace {}: and {} more\n", name, verifier.problem_count() - verifier.problems().size());
    }
    if (verifier.ok() && verdict.others.empty()) {
      fmt::print("ok       workspace {}: {} rows{}; {}; end {}:{}\n", name, verifier.rows(),
                 verdict.head.pruned_seq == 0 ? "" : fmt::format(" from {} on", verdict.head.pruned_seq + 1),
                 verdict.seal_note, verifier.last_seq(), verifier.last_hash());
    }
  }
  if (!json) {
    fmt::print("{}\n", problems == 0 ? "The audit log is whole." : fmt::format("{} problems found.", problems));
  }
  return problems == 0 ? 0 : 1;
}

// "SEQ:HASH", as a report prints the end of a chain.
Result<std::pair<std::int64_t, std::string>> parse_anchor(const std::string& text) {
  const std::size_t colon = text.find(':');
  std::int64_t seq = 0;
  const char* end = text.data() + std::min(colon, text.size());
  const auto parsed = std::from_chars(text.data(), end, seq);
  if (colon == std::string::npos || parsed.ec != std::errc() || parsed.ptr != end || seq < 1 ||
      text.size() != colon + 1 + 64) {
    return {Code::invalid_argument, "--anchor wants SEQ:HASH, as `librebird audit verify` prints the end of a chain."};
  }
  return std::pair(seq, text.substr(colon + 1));
}

Task<Result<Verdict>> verify_chain(AuditStore& audit, AuditHead head, std::string anchor) {
  Verdict verdict{head.workspace_id, ChainVerifier(head.pruned_seq, head.pruned_hash), head, {}, {}};
  if (!anchor.empty()) {
    LB_CO_TRY(noted, parse_anchor(anchor));
    verdict.verifier.expect(noted.first, noted.second);
  }
  std::int64_t after = head.pruned_seq;
  // Rows that are added meanwhile are left to the next time.
  while (after < head.seq) {
    const auto limit = static_cast<int>(std::min<std::int64_t>(kPage, head.seq - after));
    LB_CO_TRY(page, co_await audit.read(head.workspace_id, after, limit));
    for (const AuditRecord& row : page) {
      if (row.seq <= head.seq) verdict.verifier.feed(row);
    }
    if (page.empty()) break;
    after = page.back().seq;
  }
  verdict.verifier.finish(head.seq, head.hash);
  verdict.seal_note = head.key_id.empty() ? "its end is not sealed" : "its end is sealed under the key " + head.key_id;
  co_return verdict;
}

}  // namespace

Task<int> list_audit(Operator op, int limit, bool json, std::string workspace) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  if (!workspace.empty()) co_return co_await list_rows(op, std::move(workspace), limit, json);
  const auto entries = co_await op.audit.list(*owner, limit);
  if (!entries) co_return fail(entries.error());
  for (const AuditEntry& entry : *entries) {
    if (json) {
      fmt::print("{}\n", json_line(entry));
    } else {
      print_line(to_string(entry.kind), entry.created_at, to_string(entry.outcome), entry.duration.count(), entry.tool,
                 entry.detail);
    }
  }
  co_return 0;
}

Task<int> verify_audit(Operator op, std::string workspace, std::string anchor, bool json) {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    const auto heads = co_await op.audit.heads();
    if (!heads) co_return fail(heads.error());
    std::vector<Verdict> verdicts;
    bool pruned = false;
    for (const AuditHead& head : heads->heads) {
      if (!workspace.empty() && head.workspace_id != workspace) continue;
      auto verdict = co_await verify_chain(op.audit, head, anchor);
      if (!verdict) co_return fail(verdict.error());
      if (!verdict->verifier.ok()) {
        // Old rows may have been removed while we read.
        const auto now = co_await op.audit.heads();
        if (!now) co_return fail(now.error());
        const auto same = std::ranges::find(now->heads, head.workspace_id, &AuditHead::workspace_id);
        pruned = pruned || (same != now->heads.end() && same->pruned_seq != head.pruned_seq);
      }
      verdicts.push_back(*std::move(verdict));
    }
    if (pruned && attempt < kAttempts) continue;
    if (!workspace.empty() && verdicts.empty()) {
      co_return fail(make_error(Code::not_found, "There is no audit log of this workspace."));
    }
    co_return report(verdicts, heads->problems, json);
  }
}

Task<int> export_audit(Operator op, std::string workspace) {
  const auto heads = co_await op.audit.heads();
  if (!heads) co_return fail(heads.error());
  bool any = false;
  for (const AuditHead& head : heads->heads) {
    if (!workspace.empty() && head.workspace_id != workspace) continue;
    any = true;
    fmt::print("{}\n", to_line(ChainBegin{head.workspace_id, head.pruned_seq, head.pruned_hash}));
    std::int64_t after = head.pruned_seq;
    while (after < head.seq) {
      const auto limit = static_cast<int>(std::min<std::int64_t>(kPage, head.seq - after));
      const auto page = co_await op.audit.read(head.workspace_id, after, limit);
      if (!page) co_return fail(page.error());
      for (const AuditRecord& row : *page) fmt::print("{}\n", to_line(row));
      if (page->empty()) break;
      after = page->back().seq;
    }
    fmt::print("{}\n", to_line(head));
  }
  if (!any && !workspace.empty()) {
    co_return fail(make_error(Code::not_found, "There is no audit log of this workspace."));
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    co_return fail(make_error(Code::unavailable, "The export could not be written whole: check the disk's space."));
  }
  co_return 0;
}

int verify_audit_file(const std::string& path, const std::string& anchor, const KeyRing* keys, bool json) {
  constexpr std::size_t kLongestLine = 256 * 1024;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(make_error(Code::not_found, "The file " + path + " cannot be read."));
  std::vector<Verdict> verdicts;
  std::vector<std::string> general;
  bool inside = false;
  std::string line(kLongestLine, '\0');
  for (std::size_t number = 1; in.good() && general.size() < 100; ++number) {
    in.getline(line.data(), static_cast<std::streamsize>(line.size()));
    const auto count = static_cast<std::size_t>(in.gcount());
    if (count == 0) break;
    // The count holds the newline; a last line may lack it.
    const std::string_view text(line.data(), in.eof() || in.fail() ? count : count - 1);
    auto parsed =
        in.fail() && !in.eof() ? Result<AuditLine>(Code::too_large, "it is too long.") : parse_audit_line(text);
    if (!parsed) {
      general.push_back(fmt::format("line {} is not one of an exported audit log.", number));
      if (in.fail()) break;
      continue;
    }
    if (auto* begin = std::get_if<ChainBegin>(&*parsed)) {
      if (inside) general.push_back(fmt::format("line {}: the chain before it has no end.", number));
      AuditHead head;
      head.workspace_id = begin->workspace_id;
      head.pruned_seq = begin->pruned_seq;
      head.pruned_hash = begin->pruned_hash;
      verdicts.push_back({begin->workspace_id, ChainVerifier(begin->pruned_seq, begin->pruned_hash), head, {}, {}});
      inside = true;
      if (!anchor.empty()) {
        const auto noted = parse_anchor(anchor);
        if (!noted) return fail(noted.error());
        verdicts.back().verifier.expect(noted->first, noted->second);
      }
    } else if (!inside) {
      general.push_back(fmt::format("line {} belongs to no chain.", number));
    } else if (auto* row = std::get_if<AuditRecord>(&*parsed)) {
      verdicts.back().verifier.feed(*row);
    } else if (auto* head = std::get_if<AuditHead>(&*parsed)) {
      Verdict& verdict = verdicts.back();
      verdict.verifier.finish(head->seq, head->hash);
      if (head->workspace_id != verdict.workspace_id || head->pruned_seq != verdict.head.pruned_seq ||
          head->pruned_hash != verdict.head.pruned_hash) {
        verdict.others.push_back("the line that begins the chain does not fit its end.");
      }
      verdict.head = *head;
      if (keys == nullptr || !keys->knows(head->key_id)) {
        verdict.seal_note = "the seal of its end was not checked: the master key " + head->key_id + " is not here";
      } else if (keys->is_authentic(head->key_id, sealed_text(*head), head->seal)) {
        verdict.seal_note = "its end is sealed under the key " + head->key_id;
      } else {
        verdict.others.push_back("the seal of the chain's end does not hold: it was forged.");
      }
      inside = false;
    }
  }
  if (inside) general.push_back("the file was cut off: its last chain has no end.");
  if (verdicts.empty() && general.empty()) general.push_back("the file holds no audit log.");
  return report(verdicts, general, json);
}

}  // namespace librebird::cli
