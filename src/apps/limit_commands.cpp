#include "limit_commands.hpp"

#include <librebird/gateway/gateway.hpp>

namespace librebird::apps {
namespace {

Task<int> run(Platform& platform, cli::LimitsCommand command) {
  const auto options = gateway::gateway_options(platform.config);
  if (!options) co_return cli::fail(options.error());
  co_return co_await cli::run_limits(platform.as_operator(), platform.storage->usage(), options->intake.limits,
                                     std::move(command));
}

CLI::App* declare(CLI::App& parent, const char* help, LimitArguments& in, int& code) {
  CLI::App* sub = command(parent, "limits", help, in.flags);
  const CLI::Range many(std::int64_t{0}, std::int64_t{1'000'000'000'000'000});
  sub->add_option("--messages-a-day", in.command.messages_a_day, "0: no limit")->check(many);
  sub->add_option("--tokens-a-day", in.command.tokens_a_day, "Read and written by models; 0: no limit")->check(many);
  sub->add_option("--tokens-a-month", in.command.tokens_a_month, "0: no limit")->check(many);
  sub->add_option("--cost-a-month", in.command.cost_a_month, "Millionths of the currency of limits.prices; 0: no limit")
      ->check(many);
  sub->add_option("--bytes", in.command.bytes, "Kept in conversations; 0: no limit")->check(many);
  sub->add_flag("--as-configured", in.command.as_configured, "Forget what was set here; numbers given are set anew");
  sub->add_flag("--json", in.command.json, "One JSON object");
  sub->callback([&in, &code] { code = operate(in.flags, [&in](Platform& p) { return run(p, in.command); }); });
  return sub;
}

void declare_retention(CLI::App& workspace, LimitArguments& in, int& code) {
  CLI::App* sub = command(workspace, "retention", "Show or set how long a workspace keeps conversations", in.flags);
  const CLI::Range days(std::int64_t{0}, kMostRetentionDays);
  cli::RetentionCommand& what = in.retention;
  sub->add_option("id", what.workspace, "The workspace's id")->required();
  sub->add_option("--conversations", what.conversation_days, "Days after the last message; 0: for ever")->check(days);
  sub->add_option("--archived", what.archived_days, "The same for archived ones; 0: for ever")->check(days);
  sub->add_flag("--dry-run", what.dry_run, "Set nothing: only say how many conversations would go");
  sub->add_flag("--json", what.json, "One JSON object");
  sub->callback([&in, &code] {
    code = operate(in.flags, [&in](Platform& p) {
      return cli::run_retention(p.as_operator(), p.storage->retention(), in.retention);
    });
  });
}

}  // namespace

void add_limit_commands(CLI::App& app, LimitArguments& in, int& code) {
  declare(*app.get_subcommand("user"), "Show or set what a user may use, in all workspaces together", in, code)
      ->add_option("user", in.command.user, "Id or e-mail address")
      ->required();
  declare(*app.get_subcommand("workspace"), "Show or set what a workspace may use", in, code)
      ->add_option("id", in.command.workspace, "The workspace's id")
      ->required();
  declare_retention(*app.get_subcommand("workspace"), in, code);
}

}  // namespace librebird::apps
