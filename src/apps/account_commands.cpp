#include "account_commands.hpp"

#include "commands.hpp"

namespace librebird::apps {
namespace {

class Commands {
 public:
  Commands(AccountArguments& in, int& code) : in_(in), code_(code) {}

  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& help,
                std::function<Task<int>(cli::Operator)> run) {
    CLI::App* sub = parent.add_subcommand(name, help);
    sub->add_option("--data-dir", in_.flags.data_dir, "Data folder (default: XDG_DATA_HOME/librebird)");
    sub->add_option("--config", in_.flags.config_file, "Configuration file (default: config.toml in the data folder)");
    sub->callback([this_in = &in_, this_code = &code_, run = std::move(run)] {
      *this_code = operate(this_in->flags, [&](Platform& p) { return run(p.as_operator()); });
    });
    return sub;
  }
  CLI::App* of_user(CLI::App& parent, const std::string& name, const std::string& help,
                    std::function<Task<int>(cli::Operator)> run) {
    CLI::App* sub = add(parent, name, help, std::move(run));
    sub->add_option("user", in_.who, "Id or e-mail address")->required();
    return sub;
  }
  void json(CLI::App* sub) { sub->add_flag("--json", in_.json, "One JSON object a line"); }

 private:
  AccountArguments& in_;
  int& code_;
};

void add_users(CLI::App& app, AccountArguments& in, Commands& commands) {
  CLI::App* user = app.add_subcommand("user", "The accounts of this installation");
  user->require_subcommand(1);
  commands.json(
      commands.add(*user, "list", "List them", [&](cli::Operator op) { return cli::list_users(op, in.json); }));
  CLI::App* create =
      commands.add(*user, "create", "Make an account with a workspace of its own",
                   [&](cli::Operator op) { return cli::create_user(op, in.email, in.name, in.password, in.json); });
  create->add_option("--email", in.email, "The e-mail address")->required();
  create->add_option("--name", in.name, "What to call the person");
  create->add_flag("--password", in.password, "Give it a password; it is typed, or read from standard input");
  commands.json(create);
  commands.json(commands.of_user(*user, "show", "Show one",
                                 [&](cli::Operator op) { return cli::show_user(op, in.who, in.json); }));
  commands.of_user(*user, "set-password", "Set the password; it is typed, or read from standard input",
                   [&](cli::Operator op) { return cli::set_user_password(op, in.who); });
  commands
      .of_user(*user, "set-email", "Set the e-mail address",
               [&](cli::Operator op) { return cli::set_user_email(op, in.who, in.email); })
      ->add_option("email", in.email, "The address")
      ->required();
  commands.of_user(*user, "disable", "Refuse everything the account comes with, at once",
                   [&](cli::Operator op) { return cli::set_user_disabled(op, in.who, true); });
  commands.of_user(*user, "enable", "Let it sign in again",
                   [&](cli::Operator op) { return cli::set_user_disabled(op, in.who, false); });
  commands.of_user(*user, "reset-second-factor", "For somebody who lost the device and the recovery codes",
                   [&](cli::Operator op) { return cli::reset_second_factor(op, in.who); });
}

void add_sessions(CLI::App& app, AccountArguments& in, Commands& commands) {
  CLI::App* session = app.add_subcommand("session", "Where somebody is signed in");
  session->require_subcommand(1);
  commands.json(commands.of_user(*session, "list", "List them, the last used first",
                                 [&](cli::Operator op) { return cli::list_user_sessions(op, in.who, in.json); }));
  commands
      .of_user(*session, "revoke", "End one, or all of them",
               [&](cli::Operator op) { return cli::end_user_sessions(op, in.who, in.id); })
      ->add_option("id", in.id, "The session; without it, all");
}

void add_keys(CLI::App& app, AccountArguments& in, Commands& commands) {
  CLI::App* keys = app.add_subcommand("api-key", "API keys for programs");
  keys->require_subcommand(1);
  CLI::App* create = commands.add(*keys, "create", "Make a key and print it once",
                                  [&](cli::Operator op) { return cli::create_api_key(op, in.key, in.json); });
  create->add_option("--name", in.key.name, "What it is for")->required();
  create->add_option("--scope", in.key.scopes, "read, chat, tools or admin; repeat it for several (default: all)");
  create->add_option("--expires", in.key.days, "Days until it expires (default: never)")->check(CLI::Range(1, 3650));
  create->add_option("--cidr", in.key.cidrs, "Addresses it may come from, as 10.0.0.0/8; repeat it for several");
  commands.json(create);
  commands.json(
      commands.add(*keys, "list", "List the keys", [&](cli::Operator op) { return cli::list_api_keys(op, in.json); }));
  commands.add(*keys, "revoke", "Revoke a key", [&](cli::Operator op) { return cli::revoke_api_key(op, in.id); })
      ->add_option("id", in.id, "The key's id")
      ->required();
}

}  // namespace

void add_account_commands(CLI::App& app, AccountArguments& in, int& code) {
  Commands commands(in, code);
  add_users(app, in, commands);
  add_sessions(app, in, commands);
  add_keys(app, in, commands);
}

}  // namespace librebird::apps
