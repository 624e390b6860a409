#pragma once

// The hands: the one place through which every tool call of anybody goes (port HandsService).
//
// A call: does the tool exist → do its arguments fit its schema → may this person call it → is it within its quotas →
// does a person approve, where one is to be asked → is there room → audit row → leases for its secrets → sandbox (or,
// for device tools, this machine's desktop) → bounded, valid result → secrets and what looks like one taken out →
// audit row.
// Thread rule: loop only. Ownership: the references must outlive the service; it must die on the loop's thread after
// its calls have ended. Fails closed: without a sandbox nothing runs, and health() says what to do.

#include <librebird/base/async/task.hpp>
#include <librebird/base/config.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/approval_stores.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/core/ports/http_client.hpp>
#include <librebird/core/ports/secret_store.hpp>
#include <librebird/core/ports/skill_store.hpp>
#include <librebird/core/ports/stores.hpp>

#include <memory>
#include <string>
#include <vector>

namespace librebird {

// All settings of the hands, its sandboxes and its runtimes; the app adds them to the schema it loads.
std::vector<ConfigKey> hands_config();

struct HandsParts {
  Loop& loop;
  const Config& config;
  const Clock& clock;
  IdGenerator& ids;
  AuditStore& audit;
  ApprovalStore& approvals;
  QuotaStore& quotas;
  HttpClient& http;
  std::vector<SkillManifest> skills;  // the catalogue
  std::string data_directory;         // work folders are made below it
  std::string tool_directory;         // where librebird-tool is: the folder of the executable
  SkillStore* skill_store = nullptr;  // null: the catalogue only, nothing can be installed
  SecretStore* secrets = nullptr;     // null: secret settings cannot be set
};

std::unique_ptr<HandsService> make_hands(HandsParts parts);

}  // namespace librebird
