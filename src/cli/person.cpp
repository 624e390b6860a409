#include <librebird/cli/person.hpp>

#include <librebird/storage/backup/person_archive.hpp>

#include <fmt/format.h>

#include "find_account.hpp"
#include "terminal.hpp"

namespace librebird::cli {

Task<int> export_user(Operator op, PersonParts parts, std::string who, std::string file) {
  const auto account = co_await find_account(op, std::move(who));
  if (!account) co_return fail(account.error());
  const std::string id = account->account.user.id;
  const auto scope = co_await parts.persons.scope(id);
  if (!scope) co_return fail(scope.error());
  auto archive = storage::PersonArchive::begin(op.clock, parts.program, id, file);
  if (!archive) co_return fail(archive.error());
  storage::PersonArchive* out = archive->get();
  PersonStore::Line line = [out](std::string_view table, std::string_view json) { return out->line(table, json); };
  const Status read = co_await parts.persons.read_all(id, std::move(line));
  if (!read) co_return fail(read.error());
  const auto done = out->finish(parts.data_dir, *scope);
  if (!done) co_return fail(done.error());
  AuditEvent event;
  event.kind = AuditKind::account;
  event.principal = account->principal;
  event.subject = "exported";
  event.detail = "all that is the account's own, as one archive, by the operator";
  if (const Status noted = co_await op.audit.append(std::move(event)); !noted) co_return fail(noted.error());
  fmt::print("{}\n{} files, {} bytes\n", file, done->files, done->bytes);
  for (const std::string& path : done->left_out) {
    fmt::print(stderr, "warning: left out, it is no plain file that can be read: {}\n", printable(path));
  }
  co_return 0;
}

Task<int> import_user(Operator op, PersonKeeper& keeper, ImportCommand command) {
  const auto account = co_await find_account(op, std::move(command.who));
  if (!account) co_return fail(account.error());
  Principal principal = account->principal;
  if (!command.workspace.empty()) principal.workspace_id = command.workspace;
  const auto role = co_await op.workspaces.role_of(principal.user_id, principal.workspace_id);
  if (!role) co_return fail(role.error());
  if (!*role) {
    co_return fail(
        make_error(Code::not_found, "The person is no member of that workspace: name one with --workspace."));
  }
  principal.role = **role;
  const auto report = co_await keeper.bring(principal, std::move(command.file), command.dry_run);
  if (!report) co_return fail(report.error());
  if (command.json) {
    fmt::print("{}\n", to_json(*report, command.dry_run));
    co_return 0;
  }
  fmt::print("{:<20}{:>10}{:>10}{:>10}\n", "", command.dry_run ? "to add" : "added", "known", "left out");
  for (const auto& [table, rows] : report->tables) {
    fmt::print("{:<20}{:>10}{:>10}{:>10}\n", table, rows.added, rows.known, rows.left_out);
  }
  const BroughtRows& files = report->files;
  if (files.added + files.known + files.left_out > 0) {
    fmt::print("{:<20}{:>10}{:>10}{:>10}\n", "files", files.added, files.known, files.left_out);
  }
  co_return 0;
}

Task<int> erase_user(Operator op, PersonStore& persons, PersonKeeper& keeper, std::string who, bool yes) {
  const auto account = co_await find_account(op, std::move(who));
  if (!account) co_return fail(account.error());
  const std::string id = account->account.user.id;
  const auto scope = co_await persons.may_erase(id);
  if (!scope) co_return fail(scope.error());
  if (!yes) {
    fmt::print("This erases {} for good: {} workspaces with all that is in them, and every trace in {} others.\n",
               printable(account->account.user.display_name), scope->own.size(),
               scope->workspaces.size() - scope->own.size());
    co_return fail(make_error(Code::failed_precondition, "Say --yes to do it."));
  }
  const auto erased = co_await keeper.erase(id);
  if (!erased) co_return fail(erased.error());
  fmt::print("Erased. Backups that were made before still hold the person: remove them when their time has come.\n");
  co_return 0;
}

}  // namespace librebird::cli
