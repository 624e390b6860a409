// `librebird workspace …`, `member …`, `invite …`: what to type; what is done is in src/cli/workspace.cpp.
#include "workspace_commands.hpp"

#include "commands.hpp"

namespace librebird::apps {
namespace {

using Verb = cli::WorkspaceCommand::Verb;

// Declares commands of one parent after the other.
struct Declare {
  WorkspaceArguments& in;
  int& code;

  CLI::App* command(CLI::App* parent, const char* name, const char* help, Verb verb) const {
    CLI::App* sub = apps::command(*parent, name, help, in.flags);
    sub->add_flag("--json", in.command.json, "One JSON object a line");
    sub->callback([&in = in, &code = code, verb] {
      code = operate(in.flags, [&in, verb](Platform& p) {
        in.command.verb = verb;
        in.command.base_url = public_url(p);
        return cli::run_workspace(p.as_operator(), in.command);
      });
    });
    return sub;
  }
  // In a workspace that may be named.
  CLI::App* inside(CLI::App* parent, const char* name, const char* help, Verb verb) const {
    CLI::App* sub = command(parent, name, help, verb);
    sub->add_option("--workspace", in.command.workspace, "Its id (default: the first one)");
    return sub;
  }
  void user(CLI::App* sub) const {
    sub->add_option("user", in.command.user, "The user's id or e-mail address")->required();
  }
  void id(CLI::App* sub) const { sub->add_option("id", in.command.workspace, "The workspace's id")->required(); }
};

}  // namespace

void add_workspace_commands(CLI::App& app, WorkspaceArguments& in, int& code) {
  const Declare declare{in, code};
  CLI::App* workspace = app.add_subcommand("workspace", "The workspaces of this installation");
  workspace->require_subcommand(1);
  declare.command(workspace, "list", "List them", Verb::list);
  CLI::App* create = declare.command(workspace, "create", "Make one", Verb::create);
  create->add_option("name", in.command.name, "Its name")->required();
  create->add_option("--owner", in.command.user, "Whose it is: a user's id or e-mail address (default: yours)");
  declare.id(declare.command(workspace, "show", "Show one", Verb::show));
  CLI::App* rename = declare.command(workspace, "rename", "Rename one", Verb::rename);
  declare.id(rename);
  rename->add_option("name", in.command.name, "The new name")->required();
  declare.id(declare.command(workspace, "delete", "Delete one with everything in it", Verb::remove));
  CLI::App* transfer = declare.command(workspace, "transfer", "Make another member the owner", Verb::transfer);
  declare.id(transfer);
  declare.user(transfer);

  CLI::App* member = app.add_subcommand("member", "Who is in a workspace");
  member->require_subcommand(1);
  declare.inside(member, "list", "List them", Verb::list_members);
  CLI::App* put = declare.inside(member, "add", "Add a user of this installation", Verb::add_member);
  declare.user(put);
  put->add_option("--role", in.command.role, "guest, member or admin (default: member)");
  CLI::App* role = declare.inside(member, "set-role", "Change a member's role", Verb::set_role);
  declare.user(role);
  role->add_option("role", in.command.role, "guest, member or admin")->required();
  declare.user(declare.inside(member, "remove", "Remove a member", Verb::remove_member));

  CLI::App* invite = app.add_subcommand("invite", "Invitations into a workspace");
  invite->require_subcommand(1);
  CLI::App* make = declare.inside(invite, "create", "Print a link that is good once, for 72 hours", Verb::invite);
  make->add_option("--role", in.command.role, "guest, member or admin (default: member)");
  make->add_option("--email", in.command.email, "Only the user with this address may accept");
  declare.inside(invite, "list", "List the open ones", Verb::list_invitations);
  CLI::App* revoke = declare.inside(invite, "revoke", "Revoke one", Verb::revoke_invitation);
  revoke->add_option("id", in.command.id, "The invitation's id")->required();
}

}  // namespace librebird::apps
