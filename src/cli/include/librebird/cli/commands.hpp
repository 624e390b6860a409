#pragma once

// The operator commands of `librebird`. Each returns the process's exit code and writes to standard output and error.
// Thread rule: loop only. The operator acts as the installation's owner: who can read the data folder owns it anyway.

#include <librebird/base/config.hpp>
#include <librebird/core/credentials/issue.hpp>
#include <librebird/core/credentials/key_ring.hpp>
#include <librebird/core/ports/database_move.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/core/ports/legacy_import.hpp>

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
};

Task<int> create_api_key(Operator op, std::string name);
Task<int> list_api_keys(Operator op, bool json);
Task<int> revoke_api_key(Operator op, std::string id);
Task<int> print_sign_in_link(Operator op, std::string base_url);

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
  enum class Verb { list, show, install, update, pin, unpin, rollback, remove, enable, disable, set, unset };
  Verb verb = Verb::list;
  std::string name;
  std::string source;  // folder, archive or git address
  std::string ref;
  std::string path;
  std::vector<std::string> allow;
  std::string hash;
  std::string setting;
  std::optional<std::string> value;
  bool json = false;
};
Task<int> run_skill(Operator op, HandsService& hands, SkillCommand command);

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
