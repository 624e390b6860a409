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
  fmt::print("{}\n{} files, {} bytes\n", file, done->files, done->bytes);
  for (const std::string& path : done->left_out) {
    fmt::print(stderr, "warning: left out, it is no plain file that can be read: {}\n", printable(path));
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
