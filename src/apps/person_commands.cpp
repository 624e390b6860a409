// `librebird user export` and `librebird user erase`.
#include "person_commands.hpp"

#include <librebird/cli/person.hpp>

namespace librebird::apps {
namespace {

cli::PersonParts parts_of(Platform& platform) {
  return {platform.storage->persons(), platform.data_dir, LIBREBIRD_VERSION,
          [storage = platform.storage.get()] { return storage->scrub(); }};
}

}  // namespace

void add_person_commands(CLI::App& app, PersonArguments& in, int& code) {
  CLI::App* user = app.get_subcommand("user");
  const auto declare = [&](const std::string& name, const std::string& help) {
    CLI::App* sub = user->add_subcommand(name, help);
    sub->add_option("--data-dir", in.flags.data_dir, "Data folder (default: XDG_DATA_HOME/librebird)");
    sub->add_option("--config", in.flags.config_file, "Configuration file (default: config.toml in the data folder)");
    sub->add_option("user", in.who, "Id or e-mail address")->required();
    return sub;
  };
  CLI::App* take = declare("export", "Write everything that is the person's into one archive");
  take->add_option("file", in.file, "The archive's name")->required();
  take->callback([&] {
    code =
        operate(in.flags, [&](Platform& p) { return cli::export_user(p.as_operator(), parts_of(p), in.who, in.file); });
  });
  CLI::App* erase = declare("erase", "Remove the person and every trace, from the bytes of the files as well");
  erase->add_flag("--yes", in.yes, "Do it; without it, only say what would go");
  erase->callback([&] {
    code =
        operate(in.flags, [&](Platform& p) { return cli::erase_user(p.as_operator(), parts_of(p), in.who, in.yes); });
  });
}

}  // namespace librebird::apps
