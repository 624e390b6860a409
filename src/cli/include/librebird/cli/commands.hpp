#pragma once

// The operator commands of `librebird`. Each returns the process's exit code and writes to standard output and error.
// Thread rule: loop only. The operator acts as the installation's owner: who can read the data folder owns it anyway.

#include <librebird/base/config.hpp>
#include <librebird/core/credentials/issue.hpp>
#include <librebird/core/credentials/key_ring.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/database_move.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/core/ports/legacy_import.hpp>
#include <librebird/core/ports/workspace_stores.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace librebird::cli {

struct Operator {
  const Clock& clock;
  Random& random;
  IdGenerator& ids;
  IdentityStore& identities;
  CredentialStore& credentials;
  AuditStore& audit;
  SecretStore& secrets;
  WorkspaceStore& workspaces;
  InvitationStore& invitations;
  AccountStore& accounts;
  int password_cost = 12;
};

struct ApiKeyRequest {
  std::string name;
  std::vector<std::string> scopes;  // empty: all
  std::int64_t days = 0;            // 0: never expires
  std::vector<std::string> cidrs;
};
Task<int> create_api_key(Operator op, ApiKeyRequest request, bool json);
Task<int> list_api_keys(Operator op, bool json);
Task<int> revoke_api_key(Operator op, std::string id);
Task<int> print_sign_in_link(Operator op, std::string base_url);

// `who`: an id or an e-mail address. Passwords come from standard input.
Task<int> list_users(Operator op, bool json);
Task<int> show_user(Operator op, std::string who, bool json);
Task<int> create_user(Operator op, std::string email, std::string name, bool with_password, bool json);
Task<int> set_user_password(Operator op, std::string who);
Task<int> set_user_email(Operator op, std::string who, std::string email);
Task<int> set_user_disabled(Operator op, std::string who, bool disabled);
Task<int> reset_second_factor(Operator op, std::string who);
Task<int> list_user_sessions(Operator op, std::string who, bool json);
// `session` empty: all.
Task<int> end_user_sessions(Operator op, std::string who, std::string session);

// Calls and events of the owner; with a workspace, the rows of its chain as they stand there.
Task<int> list_audit(Operator op, int limit, bool json, std::string workspace);
// Names what was altered, moved or removed; 1 if anything was. `anchor`: "SEQ:HASH" noted earlier, may be empty.
Task<int> verify_audit(Operator op, std::string workspace, std::string anchor, bool json);
// JSON Lines on standard output (docs/audit.md). An empty workspace means all.
Task<int> export_audit(Operator op, std::string workspace);
// The same for an exported file. `keys` checks the seals if it has the key; may be null.
int verify_audit_file(const std::string& path, const std::string& anchor, const KeyRing* keys, bool json);

// The value comes from standard input.
Task<int> set_secret(Operator op, std::string scope, std::string name);
Task<int> list_secrets(Operator op, bool json);
Task<int> remove_secret(Operator op, std::string scope, std::string name);

Task<int> list_tools(Operator op, HandsService& hands, bool json);
// Asks on the terminal what a person is to be asked; `yes` answers "once". Without both, such a call is refused.
Task<int> call_tool(Operator op, HandsService& hands, std::string name, std::string arguments_json, bool yes);

Task<int> list_approvals(Operator op, HandsService& hands, bool all, bool json);
Task<int> decide_approval(Operator op, HandsService& hands, std::string id, std::string decision);
Task<int> list_grants(Operator op, HandsService& hands, bool json);
Task<int> revoke_grant(Operator op, HandsService& hands, std::string id);
// `conversation_id` empty: the workspace's.
Task<int> get_tool_policy(Operator op, HandsService& hands, std::string conversation_id);
Task<int> set_tool_policy(Operator op, HandsService& hands, std::string conversation_id, std::string mode);

// `librebird skill …`, as it was typed.
struct SkillCommand {
  enum class Verb {
    list,
    show,
    install,
    update,
    pin,
    unpin,
    rollback,
    remove,
    enable,
    disable,
    set,
    unset,
    connect,
    disconnect
  };
  Verb verb = Verb::list;
  std::string name;
  std::string source;  // folder, archive or git address
  std::string ref;
  std::string path;
  std::vector<std::string> allow;
  std::string hash;
  std::string setting;
  std::optional<std::string> value;
  std::string public_url;  // connect: where the browser reaches this server
  bool json = false;
};
Task<int> run_skill(Operator op, HandsService& hands, SkillCommand command);

// `librebird workspace …`, `member …`, `invite …`, as it was typed.
struct WorkspaceCommand {
  enum class Verb {
    list,
    create,
    show,
    rename,
    remove,
    transfer,
    list_members,
    add_member,
    set_role,
    remove_member,
    invite,
    list_invitations,
    revoke_invitation
  };
  Verb verb = Verb::list;
  std::string workspace;  // empty: the installation's first
  std::string name;
  std::string user;  // id or e-mail address
  std::string role = "member";
  std::string email;
  std::string id;        // of an invitation
  std::string base_url;  // that links begin with
  bool json = false;
};
Task<int> run_workspace(Operator op, WorkspaceCommand command);

// `librebird import-legacy PATH` (docs/moving-in.md).
struct LegacyCommand {
  LegacyImport import;
  std::string user;       // e-mail address or id; empty: the owner
  std::string workspace;  // id; empty: the user's own
  bool make_owner = true;  // a new installation has none yet
  bool json = false;
};
Task<int> import_legacy(Operator op, LegacyImporter& importer, LegacyCommand command);

// `librebird migrate --to ...`: runs the move and tells how it went.
using MoveDatabase = std::function<Task<Result<MoveReport>>(std::function<void(const MoveProgress&)> progress)>;
Task<int> move_database(MoveDatabase move, bool json);

// One line a check: what, ok or not, and what to do.
struct Check {
  std::string name;
  Status status;
  std::string note;  // said when it is ok
};
int report_checks(const std::vector<Check>& checks);

int list_config(const std::vector<ConfigKey>& keys, const Config& config);

// Writes `error: message` to standard error; returns 1.
int fail(const Error& error);

}  // namespace librebird::cli
