// The `librebird` executable: one name for the server, its parts and the operator's commands.
#include <fmt/format.h>
#include <malloc.h>
#include <librebird/base/log.hpp>
#include <librebird/hands/vault/leak_scanner.hpp>

#include <csignal>
#include <fstream>

#include "account_commands.hpp"
#include "approval_commands.hpp"
#include "backup_commands.hpp"
#include "commands.hpp"
#include "limit_commands.hpp"
#include "mail.hpp"
#include "moving_commands.hpp"
#include "person_commands.hpp"
#include "skill_commands.hpp"
#include "workspace_commands.hpp"

namespace librebird::apps {

int operate(const Flags& flags, const std::function<Task<int>(Platform&)>& command) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  if (const Status opened = (*platform)->open_storage(); !opened) return cli::fail(opened.error());
  return (*platform)->run([&] { return command(**platform); });
}

CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help, Flags& flags) {
  CLI::App* sub = parent.add_subcommand(name, help);
  sub->add_option("--data-dir", flags.data_dir, "Data folder (default: XDG_DATA_HOME/librebird)");
  sub->add_option("--config", flags.config_file, "Configuration file (default: config.toml in the data folder)");
  return sub;
}

std::string public_url(const Platform& platform) {
  std::string url = platform.config.text("server.public_url");
  while (url.ends_with('/')) url.pop_back();
  if (url.empty()) std::ifstream(platform.data_dir + "/server.url") >> url;
  return url.empty() ? fmt::format("http://127.0.0.1:{}", platform.config.integer("server.port")) : url;
}

namespace {

// For what needs the settings alone.
int with_platform(const Flags& flags, const std::function<Task<int>(Platform&)>& command) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  return (*platform)->run([&] { return command(**platform); });
}

int show_config(const Flags& flags) {
  const auto config = load_config(flags);
  return config ? cli::list_config(config_schema(), *config) : cli::fail(config.error());
}

void add_servers(CLI::App& app, Arguments& in, int& code) {
  CLI::App* all = command(app, "serve", "Run everything in one process", in);
  all->add_option("--port", in.flags.port, "Port (default 8741; 0 picks one)")->check(CLI::Range(0, 65535));
  all->callback([&] { code = serve(in.flags); });
  CLI::App* gateway = command(app, "gateway", "Run the gateway alone; brain and hands over gRPC", in);
  gateway->add_option("--port", in.flags.port, "Port (default 8741; 0 picks one)")->check(CLI::Range(0, 65535));
  gateway->callback([&] { code = run_gateway(in.flags); });
  CLI::App* brain = command(app, "brain", "Run the brain alone", in);
  brain->add_option("--listen", in.flags.listen, "Address (default 127.0.0.1:50051)");
  brain->callback([&] { code = run_brain(in.flags); });
  CLI::App* hands = command(app, "hands", "Run the hands alone", in);
  hands->add_option("--listen", in.flags.listen, "Address (default 127.0.0.1:50052)");
  hands->callback([&] { code = run_hands(in.flags); });
}

void add_operations(CLI::App& app, Arguments& in, int& code) {
  command(app, "sign-in-link", "Print a one-time link to sign in with", in)->callback([&] {
    code = operate(in.flags, [](Platform& p) { return cli::print_sign_in_link(p.as_operator(), public_url(p)); });
  });
  command(app, "config", "List every setting with its value", in)->callback([&] { code = show_config(in.flags); });
  CLI::App* mail = app.add_subcommand("mail", "E-mail");
  mail->require_subcommand(1);
  CLI::App* test = command(*mail, "test", "Send a test message through the configured mail server", in);
  test->add_option("address", in.name, "Whom to")->required();
  test->callback([&] { code = with_platform(in.flags, [&](Platform& p) { return test_mail(p, in.name); }); });
  command(app, "doctor", "Check this installation and say what to do", in)->callback([&] { code = doctor(in.flags); });
}

void add_tools(CLI::App& app, Arguments& in, int& code) {
  CLI::App* tool = app.add_subcommand("tool", "The tools the agent can use");
  tool->require_subcommand(1);
  CLI::App* list = command(*tool, "list", "List them", in);
  list->add_flag("--json", in.json, "As JSON, with parameters");
  list->callback([&] {
    code = with_hands(
        in.flags, [&](Platform& p, HandsService& hands) { return cli::list_tools(p.as_operator(), hands, in.json); });
  });
  command(app, "mcp", "Offer the tools to an MCP client over standard input and output", in)->callback([&] {
    code = serve_mcp(in.flags);
  });
  CLI::App* call = command(*tool, "call", "Call one, contained as always", in);
  call->add_option("name", in.name, "The tool")->required();
  call->add_option("arguments", in.json_arguments, "Its arguments, a JSON object");
  call->add_flag("--yes", in.yes, "Answer \"once\" to the question whether it may run, if there is one");
  call->callback([&] {
    code = with_hands(in.flags, [&](Platform& p, HandsService& hands) {
      return cli::call_tool(p.as_operator(), hands, in.name, in.json_arguments, in.yes);
    });
  });
}

}  // namespace
}  // namespace librebird::apps

int main(int argc, char** argv) {
  // Few threads allocate: more arenas would only cost memory.
  mallopt(M_ARENA_MAX, 2);
  std::signal(SIGPIPE, SIG_IGN);
  librebird::log::set_filter(
      [](std::string line) { return std::move(librebird::vault::LeakScanner::scan_json(line).masked); });
  CLI::App app("Libre Bird: your own AI agent, on your own machine", "librebird");
  app.set_version_flag("--version", LIBREBIRD_VERSION);
  app.require_subcommand(1);
  librebird::apps::Arguments arguments;
  int code = 0;
  librebird::apps::add_servers(app, arguments, code);
  librebird::apps::add_operations(app, arguments, code);
  librebird::apps::add_records(app, arguments, code);
  librebird::apps::add_tools(app, arguments, code);
  librebird::apps::SkillArguments skill;
  librebird::apps::add_skill_commands(app, skill, code);
  librebird::apps::BackupArguments backup;
  librebird::apps::add_backup_commands(app, backup, code);
  librebird::apps::AccountArguments account;
  librebird::apps::add_account_commands(app, account, code);
  librebird::apps::PersonArguments person;
  librebird::apps::add_person_commands(app, person, code);
  librebird::apps::MovingArguments moving;
  librebird::apps::add_moving(app, moving, code);
  librebird::apps::ApprovalArguments approval;
  librebird::apps::add_approval_commands(app, approval, code);
  librebird::apps::WorkspaceArguments workspace;
  librebird::apps::add_workspace_commands(app, workspace, code);
  librebird::apps::LimitArguments limits;
  librebird::apps::add_limit_commands(app, limits, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return code;
}
