#pragma once

// The stages of a call that deal with secrets: before it runs, leases for the secret settings of its skill; while it
// runs and after it, every secret of the caller and whatever looks like one is kept out of what it says. What was kept
// back is noted in the audit log. Loop only; the references outlive it.

#include "outcome.hpp"

#include <librebird/base/random.hpp>
#include <librebird/core/ports/stores.hpp>
#include <librebird/hands/vault/vault.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::hands {

// One call's secrets. The leases end with it.
struct CallSecrets {
  std::vector<vault::SecretLease> leases;
  std::shared_ptr<vault::CallGuard> guard;
};

class SecretStage {
 public:
  // Without a store there are no secrets; what looks like one is kept back all the same.
  SecretStage(SecretStore* store, AuditStore& audit);

  // Errors are for the model: a secret that the skill needs is not set, or cannot be opened.
  Task<Result<CallSecrets>> begin(Principal principal, const SkillManifest* skill);
  // Cleans the outcome, and notes in the log what had to be kept back. `call` says which call it was.
  Task<void> end(CallSecrets& secrets, Outcome& outcome, const AuditEntry& call);

 private:
  SystemRandom random_;
  AuditStore& audit_;
  std::unique_ptr<vault::Vault> vault_;
};

// The settings as the skill is to see them: in place of each secret the placeholder of its lease.
std::string with_placeholders(std::string_view settings_json, const std::vector<vault::SecretLease>& leases);

}  // namespace librebird::hands
