#pragma once

// Port: what people and programs prove themselves with: sessions, API keys, one-time sign-in links. Only hashes of
// secrets are kept. The rules of stores.hpp hold here too.
//
// A credential belongs to a user; the workspace it acts in is chosen at each use among the user's memberships, and the
// role is that of the membership at this moment. `wanted` empty: the credential's own workspace, or the first one.
// A disabled user, a stale epoch, a workspace that is not the user's: unauthenticated, or permission_denied for the
// workspace, at the next use.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/identity.hpp>

#include <string>
#include <vector>

namespace librebird {

struct NewSession {
  std::string user_id;
  std::string workspace_id;  // where it acts unless told otherwise; empty: the user's first
  std::string hash;          // of the cookie; empty: a token's session, found by its id
  UnixMillis expires_at = 0;
  std::string address;
  std::string user_agent;
};

struct NewApiKey {
  std::string name;
  std::string prefix;
  std::string hash;
  ScopeSet scopes;
  std::optional<UnixMillis> expires_at;
  std::vector<std::string> cidrs;
};

struct FoundApiKey {
  ApiKey key;
  Principal principal;
};

class CredentialStore {
 public:
  virtual ~CredentialStore() = default;

  // Sign-in links: a token's hash, good once until `expires_at`.
  virtual Task<Status> add_sign_in_link(Principal principal, std::string token_hash, UnixMillis expires_at) = 0;
  // Uses the link up and opens a session in one transaction; `session` names no user. unauthenticated: unknown, used
  // or expired.
  virtual Task<Result<Session>> redeem_sign_in_link(std::string token_hash, NewSession session) = 0;

  // The user's epoch is taken over. unauthenticated: no such user, disabled, or in no workspace.
  virtual Task<Result<Session>> open_session(NewSession session) = 0;
  // A session dies at its expires_at, or when it was not used for `idle`. The use is noted (at most once a minute).
  virtual Task<Result<Session>> find_session(std::string hash, std::string wanted, Millis idle) = 0;
  // The session of a token, by its id.
  virtual Task<Result<Session>> find_token_session(std::string id, std::string wanted, Millis idle) = 0;
  // Those that still live, newest first.
  virtual Task<Result<std::vector<Session>>> list_sessions(Principal principal, Millis idle) = 0;
  virtual Task<Status> delete_session(Principal principal, std::string id) = 0;
  // Ends every session of the user but `keep` (empty: none), by raising the epoch. Answers the new one.
  virtual Task<Result<std::int64_t>> end_sessions(Principal principal, std::string keep) = 0;

  virtual Task<Result<ApiKey>> add_api_key(Principal principal, NewApiKey key) = 0;
  virtual Task<Result<std::vector<ApiKey>>> list_api_keys(Principal principal) = 0;
  virtual Task<Status> revoke_api_key(Principal principal, std::string id) = 0;
  // unauthenticated: unknown, revoked or expired. A key acts in its own workspace only. Notes the use (at most once a
  // minute per key).
  virtual Task<Result<FoundApiKey>> find_api_key(std::string key_hash, std::string wanted) = 0;
};

}  // namespace librebird
