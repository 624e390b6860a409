// `librebird skill …`: what to type; what is done is in src/cli/skill.cpp.
#include "skill_commands.hpp"

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "local_hands.hpp"

namespace librebird::apps {
namespace {

using Verb = cli::SkillCommand::Verb;

int run(const Flags& flags, cli::SkillCommand what) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  if (const Status opened = p.open_storage(); !opened) return cli::fail(opened.error());
  what.public_url = public_url(p);
  const auto hands = make_local_hands(p);
  if (!hands) return cli::fail(hands.error());
  return p.run([&] { return cli::run_skill(p.as_operator(), **hands, what); });
}

}  // namespace

void add_skill_commands(CLI::App& app, SkillArguments& in, int& code) {
  CLI::App* skill = app.add_subcommand("skill", "The skills whose tools the agent can use");
  skill->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, Verb verb, bool names_one = true) {
    CLI::App* sub = skill->add_subcommand(name, help);
    sub->add_option("--data-dir", in.flags.data_dir, "Data folder (default: XDG_DATA_HOME/librebird)");
    sub->add_option("--config", in.flags.config_file, "Configuration file (default: config.toml in the data folder)");
    sub->add_flag("--json", in.command.json, "As JSON");
    if (names_one) sub->add_option("name", in.command.name, "The skill")->required();
    sub->callback([&in, &code, verb] {
      in.command.verb = verb;
      code = run(in.flags, in.command);
    });
    return sub;
  };
  const auto add_source = [&](CLI::App* sub) {
    sub->add_option("--ref", in.command.ref, "Branch, tag or commit of a git repository");
    sub->add_option("--path", in.command.path, "The skill's folder inside the archive or repository");
    sub->add_option("--allow", in.command.allow, "A permission beyond its manifest's, like network:api.example.com");
  };
  add("list", "List them", Verb::list, false);
  add("show", "Show one: permissions, tools, settings, versions", Verb::show);
  CLI::App* install = add("install", "Install one from a folder, an archive or a git address", Verb::install, false);
  install->add_option("source", in.command.source, "Folder, .zip, .tar.gz, .tar.xz or https://…")->required();
  add_source(install);
  CLI::App* update = add("update", "Bring one up to date, from where it came or from elsewhere", Verb::update);
  update->add_option("source", in.command.source, "Folder, archive or git address; default: where it came from");
  add_source(update);
  add("pin", "Keep one at its version", Verb::pin);
  add("unpin", "Let one be updated again", Verb::unpin);
  CLI::App* rollback = add("rollback", "Go back to an earlier version", Verb::rollback);
  rollback->add_option("hash", in.command.hash, "The version's hash or its beginning; default: the one before");
  add("remove", "Remove one, with its settings", Verb::remove);
  add("enable", "Offer its tools", Verb::enable);
  add("disable", "Offer its tools no more", Verb::disable);
  CLI::App* set = add("set", "Set one of its settings; a secret is read from standard input", Verb::set);
  set->add_option("setting", in.command.setting, "The setting")->required();
  set->add_option("value", in.command.value, "Its value");
  add("connect", "Connect to the server of one on the web: prints where to go with a browser", Verb::connect);
  add("disconnect", "Forget the connection to the server of one", Verb::disconnect);
  CLI::App* unset = add("unset", "Unset one of its settings", Verb::unset);
  unset->add_option("setting", in.command.setting, "The setting")->required();
}

}  // namespace librebird::apps
