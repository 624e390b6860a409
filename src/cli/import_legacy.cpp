#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "progress_bar.hpp"
#include "terminal.hpp"

namespace librebird::cli {
namespace {

std::string json_of(const LegacyReport& report, const Principal& principal, bool dry_run) {
  JsonWriter out;
  out.begin_object().field("dry_run", dry_run).field("user_id", principal.user_id);
  out.field("workspace_id", principal.workspace_id).field("verified", report.verified);
  out.field("backup", report.backup).key("tables").begin_array();
  for (const LegacyTable& table : report.tables) {
    out.begin_object().field("name", table.name).field("found", table.found).field("imported", table.imported);
    out.field("present", table.present).field("differing", table.differing).field("left_out", table.left_out);
    out.field("mended", table.mended).field("missing", table.missing).field("source_sha256", table.source_sha256);
    out.field("stored_sha256", table.stored_sha256).end_object();
  }
  out.end_array().key("problems").begin_array();
  for (const LegacyProblem& problem : report.problems) {
    out.begin_object().field("table", problem.table).field("id", problem.id).field("outcome", problem.outcome);
    out.field("reason", problem.reason).end_object();
  }
  out.end_array().key("notes").begin_array();
  for (const std::string& note : report.notes) out.value(note);
  out.end_array().end_object();
  return std::move(out).take();
}

void print(const LegacyReport& report, bool dry_run) {
  constexpr std::size_t kShown = 20;
  fmt::print("{:<18}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "", "found", dry_run ? "new" : "imported", "present", "differ",
             "left out", "mended");
  for (const LegacyTable& table : report.tables) {
    fmt::print("{:<18}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", table.name, table.found, table.imported, table.present,
               table.differing, table.left_out, table.mended);
  }
  for (const std::string& note : report.notes) fmt::print("note: {}\n", printable(note));
  for (std::size_t i = 0; i < std::min(report.problems.size(), kShown); ++i) {
    const LegacyProblem& problem = report.problems[i];
    fmt::print("{} {} {}: {}\n", problem.outcome, printable(problem.table), printable(problem.id),
               printable(problem.reason));
  }
  if (report.problems.size() > kShown) fmt::print("... and more; --json lists them\n");
  if (!report.backup.empty()) fmt::print("Our own database was saved before: {}\n", report.backup);
  if (dry_run) {
    fmt::print("Nothing was written: this was a rehearsal.\n");
  } else if (report.verified) {
    fmt::print("Verified: every row is here, and the same.\n");
  }
}

}  // namespace

Task<int> import_legacy(Operator op, LegacyImporter& importer, LegacyCommand command) {
  if (command.make_owner) {
    const auto owner = co_await op.identities.ensure_owner();
    if (!owner) co_return fail(owner.error());
  }
  auto principal = co_await importer.find_member(command.user, command.workspace);
  if (!principal) co_return fail(principal.error());
  ProgressBar bar(!command.json);
  auto progress = [&bar](const LegacyProgress& at) { bar.show(at.what, at.done, at.total); };
  const bool dry_run = command.import.dry_run;
  const auto report = co_await importer.run(*principal, std::move(command.import), progress);
  bar.clear();
  if (!report) co_return fail(report.error());
  if (command.json) {
    fmt::print("{}\n", json_of(*report, *principal, dry_run));
  } else {
    print(*report, dry_run);
  }
  if (dry_run || report->verified) co_return 0;
  co_return fail(make_error(Code::data_loss,
                            "Some rows are not here as they are in the source: run the import again, and look at "
                            "what differs with --json."));
}

}  // namespace librebird::cli
