// `librebird audit ...` and `librebird secret ...`.
#include "commands.hpp"

#include <fmt/format.h>

namespace librebird::apps {
namespace {

Task<int> rotate_key(Platform& platform) {
  const auto done = co_await platform.storage->rotate_key();
  if (!done) co_return cli::fail(done.error());
  fmt::print("{}\n", *done);
  co_return 0;
}

int rotate(const Flags& flags, bool lost_key) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  if (const Status opened = p.open_storage(lost_key); !opened) return cli::fail(opened.error());
  if (lost_key) {
    fmt::print("The database goes on under the master key that is here. Secrets must be set again.\n");
    return 0;
  }
  return p.run([&] { return rotate_key(p); });
}

int verify_file(const Arguments& in) {
  // The key is a help, not a need: a file is verified on any machine.
  auto platform = Platform::create(in.flags);
  std::shared_ptr<KeyRing> keys;
  if (platform) {
    if (auto opened = (*platform)->open_keys(); opened) keys = *opened;
  }
  return cli::verify_audit_file(in.file, in.anchor, keys.get(), in.json);
}

void add_audit(CLI::App& app, Arguments& in, int& code) {
  CLI::App* audit = app.add_subcommand("audit", "What was done, in a log that shows when it was tampered with");
  audit->require_subcommand(1);
  CLI::App* list = command(*audit, "list", "Newest first", in);
  list->add_flag("--json", in.json, "One JSON object a line");
  list->add_option("--limit", in.limit, "At most so many")->check(CLI::Range(1, 1'000'000));
  list->add_option("--workspace", in.workspace, "All rows of this workspace, as they stand in its chain");
  list->callback([&] {
    code = operate(in.flags,
                   [&](Platform& p) { return cli::list_audit(p.as_operator(), in.limit, in.json, in.workspace); });
  });
  CLI::App* verify = command(*audit, "verify", "Name every row that was altered, moved, removed or cut off", in);
  verify->add_flag("--json", in.json, "One JSON object a line");
  verify->add_option("--workspace", in.workspace, "Only this one");
  verify->add_option("--anchor", in.anchor, "SEQ:HASH that verify printed earlier: it must still be part of the chain");
  verify->add_option("--file", in.file, "An exported file instead of the database");
  verify->callback([&] {
    code = !in.file.empty() ? verify_file(in) : operate(in.flags, [&](Platform& p) {
      return cli::verify_audit(p.as_operator(), in.workspace, in.anchor, in.json);
    });
  });
  CLI::App* dump = command(*audit, "export", "Write the log to standard output, as JSON Lines", in);
  dump->add_flag("--json", in.json, "As always");
  dump->add_option("--workspace", in.workspace, "Only this one");
  dump->callback(
      [&] { code = operate(in.flags, [&](Platform& p) { return cli::export_audit(p.as_operator(), in.workspace); }); });
}

void add_secrets(CLI::App& app, Arguments& in, int& code) {
  CLI::App* secret = app.add_subcommand("secret", "Keys and tokens that skills use and never see");
  secret->require_subcommand(1);
  const auto named = [&](CLI::App* sub) {
    sub->add_option("scope", in.scope, "Whose it is: skill/NAME, or user/skill/NAME for yourself only")->required();
    sub->add_option("name", in.name, "The setting's name")->required();
  };
  CLI::App* set = command(*secret, "set", "Set one; the value is typed, or read from standard input", in);
  named(set);
  set->callback([&] {
    code = operate(in.flags, [&](Platform& p) { return cli::set_secret(p.as_operator(), in.scope, in.name); });
  });
  CLI::App* list = command(*secret, "list", "Names, never values", in);
  list->add_flag("--json", in.json, "One JSON object a line");
  list->callback(
      [&] { code = operate(in.flags, [&](Platform& p) { return cli::list_secrets(p.as_operator(), in.json); }); });
  CLI::App* remove = command(*secret, "remove", "Remove one", in);
  named(remove);
  remove->callback([&] {
    code = operate(in.flags, [&](Platform& p) { return cli::remove_secret(p.as_operator(), in.scope, in.name); });
  });
  CLI::App* key = command(*secret, "rotate-key", "Seal everything under a new master key", in);
  key->add_flag("--lost-key", in.lost_key, "The old key is lost: give up the secrets sealed under it");
  key->callback([&] { code = rotate(in.flags, in.lost_key); });
}

}  // namespace

void add_records(CLI::App& app, Arguments& in, int& code) {
  add_audit(app, in, code);
  add_secrets(app, in, code);
}

}  // namespace librebird::apps
