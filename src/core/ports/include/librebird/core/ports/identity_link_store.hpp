#pragma once

// Port: the identities of other providers that an account is linked with. Signing in with one is AccountStore's
// find_or_link(). The rules of stores.hpp hold here too; every change is a row of the audit log.

#include <librebird/core/ports/account_store.hpp>

#include <string>
#include <vector>

namespace librebird {

struct IdentityLink {
  std::string id;  // of the link
  std::string issuer;
  UnixMillis created_at = 0;
};

class IdentityLinkStore {
 public:
  virtual ~IdentityLinkStore() = default;
  // Oldest first.
  virtual Task<Result<std::vector<IdentityLink>>> list(Principal principal) = 0;
  // The same again changes nothing. already_exists: it is linked with another account. resource_exhausted: twenty are.
  virtual Task<Status> link(Principal principal, ExternalIdentity identity) = 0;
  // failed_precondition: nothing would be left to sign in with.
  virtual Task<Status> unlink(Principal principal, std::string id) = 0;
};

}  // namespace librebird
