// `librebird user export`, `librebird user import` and `librebird user erase`.
#include "person_commands.hpp"

#include <librebird/cli/person.hpp>
#include <librebird/storage/backup/person_keeper.hpp>

namespace librebird::apps {
namespace {

Task<int> take(Platform& p, std::string who, std::string file) {
  co_return co_await cli::export_user(p.as_operator(), {p.storage->persons(), p.data_dir, LIBREBIRD_VERSION},
                                      std::move(who), std::move(file));
}

Task<int> bring(Platform& p, cli::ImportCommand command) {
  const auto keeper = make_person_keeper(p, false);
  co_return co_await cli::import_user(p.as_operator(), *keeper, std::move(command));
}

Task<int> erase(Platform& p, std::string who, bool yes) {
  const auto keeper = make_person_keeper(p, false);
  co_return co_await cli::erase_user(p.as_operator(), p.storage->persons(), *keeper, std::move(who), yes);
}

}  // namespace

std::unique_ptr<PersonKeeper> make_person_keeper(Platform& platform, bool sweep) {
  Storage& storage = *platform.storage;
  const auto megabytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(platform.config.integer("server.import_mb"), 0));
  return storage::make_person_keeper({platform.clock, platform.ids, storage.persons(), storage.accounts(),
                                      storage.identities(), storage.audit(), platform.data_dir, LIBREBIRD_VERSION,
                                      [&storage] { return storage.scrub(); }, megabytes * 1'000'000, sweep});
}

void add_person_commands(CLI::App& app, PersonArguments& in, int& code) {
  CLI::App* user = app.get_subcommand("user");
  const auto declare = [&](const std::string& name, const std::string& help) {
    CLI::App* sub = user->add_subcommand(name, help);
    sub->add_option("--data-dir", in.flags.data_dir, "Data folder (default: XDG_DATA_HOME/librebird)");
    sub->add_option("--config", in.flags.config_file, "Configuration file (default: config.toml in the data folder)");
    sub->add_option("user", in.who, "Id or e-mail address")->required();
    return sub;
  };
  CLI::App* taking = declare("export", "Write everything that is the person's into one archive");
  taking->add_option("file", in.file, "The archive's name")->required();
  taking->callback([&] { code = operate(in.flags, [&](Platform& p) { return take(p, in.who, in.file); }); });
  CLI::App* bringing = declare("import", "Bring such an archive in, as rows of the person's");
  bringing->add_option("file", in.file, "The archive")->required();
  bringing->add_option("--workspace", in.workspace, "Into this workspace (default: the person's own)");
  bringing->add_flag("--dry-run", in.dry_run, "Add nothing: only say what would be");
  bringing->add_flag("--json", in.json, "One JSON object");
  bringing->callback([&] {
    code =
        operate(in.flags, [&](Platform& p) { return bring(p, {in.who, in.file, in.workspace, in.dry_run, in.json}); });
  });
  CLI::App* erasing = declare("erase", "Remove the person and every trace, from the bytes of the files as well");
  erasing->add_flag("--yes", in.yes, "Do it; without it, only say what would go");
  erasing->callback([&] { code = operate(in.flags, [&](Platform& p) { return erase(p, in.who, in.yes); }); });
}

}  // namespace librebird::apps
