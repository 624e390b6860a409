// `librebird approval …` and `librebird tool-policy …`: what to type; what is done is in src/cli/approval.cpp.
#include "approval_commands.hpp"

#include <CLI/CLI.hpp>

namespace librebird::apps {

void add_approval_commands(CLI::App& app, ApprovalArguments& in, int& code) {
  using Act = std::function<Task<int>(cli::Operator, HandsService&)>;
  const auto add = [&in, &code](CLI::App* parent, const char* name, const char* help, Act act) {
    CLI::App* sub = parent->add_subcommand(name, help);
    sub->add_option("--data-dir", in.flags.data_dir, "Data folder (default: XDG_DATA_HOME/librebird)");
    sub->add_option("--config", in.flags.config_file, "Configuration file (default: config.toml in the data folder)");
    sub->callback([&in, &code, act = std::move(act)] {
      code = with_hands(in.flags, [&](Platform& p, HandsService& hands) { return act(p.as_operator(), hands); });
    });
    return sub;
  };
  CLI::App* approval = app.add_subcommand("approval", "Questions about tool calls, and standing answers");
  approval->require_subcommand(1);
  CLI::App* list = add(approval, "list", "List the questions that wait for an answer",
                       [&in](auto op, auto& hands) { return cli::list_approvals(op, hands, in.all, in.json); });
  list->add_flag("--all", in.all, "Answered ones too");
  list->add_flag("--json", in.json, "One JSON object a line");
  CLI::App* decide = add(approval, "decide", "Answer one; the call that waits goes on",
                         [&in](auto op, auto& hands) { return cli::decide_approval(op, hands, in.id, in.word); });
  decide->add_option("id", in.id, "The question's id")->required();
  decide->add_option("decision", in.word, "once, always or deny")->required();
  CLI::App* grants = add(approval, "grants", "List the standing answers",
                         [&in](auto op, auto& hands) { return cli::list_grants(op, hands, in.json); });
  grants->add_flag("--json", in.json, "One JSON object a line");
  CLI::App* revoke = add(approval, "revoke", "Take a standing answer back",
                         [&in](auto op, auto& hands) { return cli::revoke_grant(op, hands, in.id); });
  revoke->add_option("id", in.id, "The standing answer's id")->required();

  CLI::App* policy = app.add_subcommand("tool-policy", "How much tools may do unasked");
  policy->require_subcommand(1);
  CLI::App* get = add(policy, "get", "Show the mode",
                      [&in](auto op, auto& hands) { return cli::get_tool_policy(op, hands, in.id); });
  get->add_option("--conversation", in.id, "Of this conversation instead of the workspace");
  CLI::App* set = add(policy, "set", "Set the mode",
                      [&in](auto op, auto& hands) { return cli::set_tool_policy(op, hands, in.id, in.word); });
  set->add_option("mode", in.word, "read_only, ask, auto, or default")->required();
  set->add_option("--conversation", in.id, "Of this conversation instead of the workspace");
}

}  // namespace librebird::apps
