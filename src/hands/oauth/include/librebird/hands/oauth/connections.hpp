#pragma once

// A person's connections to MCP servers on the web: OAuth 2.1 with PKCE as MCP's authorization wants it (revision
// 2025-11-25). A person is sent to the server's authorization server, comes back with a code, and has from then on an
// access token that is renewed for as long as the server allows.
//
//   LB_CO_TRY(url, co_await connections.begin(principal, server, redirect_uri, stop));  // the person goes there
//   LB_CO_TRY(skill, Connections::skill_of(answer.state));
//   LB_CO_CHECK(co_await connections.finish(principal, answer, stop));                  // and comes back with this
//   LB_CO_CHECK(co_await connections.freshen(principal, server, stop));                 // before each use
//
// The access token is the person's secret "access_token" of the skill, so that it is lent and kept out of sight like
// any other; what renews it is the secret "oauth", and never leaves this process but to the authorization server.
// Thread rule: loop only; one step at a time for each connection, others wait; of several processes one renews, and the
// others wait for what it brings. Ownership: what it refers to outlives it, and it its calls. Requests go to public
// https addresses only.

#include <librebird/base/async/sync.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/model/skill.hpp>
#include <librebird/core/ports/http_client.hpp>
#include <librebird/core/ports/secret_store.hpp>

#include <optional>
#include <set>
#include <stop_token>
#include <string>

namespace librebird::hands::oauth {

struct Connection;

// The skill's server.
struct McpServer {
  std::string skill;
  std::string url;  // https://…
  std::string client_id;  // where an admin registered Libre Bird by hand; empty: it registers itself
};

class Connections {
 public:
  Connections(Executor executor, HttpClient& http, const Clock& clock, Random& random, SecretStore& secrets);

  // Where the person is to go; the way back is open for ten minutes, to this person only.
  // failed_precondition: the server lets everybody in, or nobody can be asked; says what to do.
  Task<Result<std::string>> begin(Principal principal, McpServer server, std::string redirect_uri,
                                  std::stop_token stop);
  // Which skill an answer is for; invalid_argument. Nothing about it is proven by this.
  static Result<std::string> skill_of(const std::string& state);
  // unauthenticated: not begun by this person, finished already, too old, another server's answer, a bad code.
  Task<Status> finish(Principal principal, ConnectionAnswer answer, std::stop_token stop);
  // Renews an access token that is about to end; without a connection there is nothing to do. unauthenticated: the
  // connection has ended, and is forgotten; says what to do.
  Task<Status> freshen(Principal principal, McpServer server, std::stop_token stop);
  // After the server refused a token lent at `lent_at`: true when there is a newer one now.
  Task<bool> renew(Principal principal, McpServer server, UnixMillis lent_at, std::stop_token stop);
  // After the server refused what was asked of it (403), with this header WWW-Authenticate: empty, unless it says that
  // the connection allows too little; then what to tell the person. The next `begin` asks for what was missing as well.
  Task<std::string> step_up(Principal principal, McpServer server, std::string challenge);
  // Forgets the tokens, then asks the authorization server, where it can be asked that, to take them back; for a few
  // seconds, and if it cannot be reached, that is logged.
  Task<Status> disconnect(Principal principal, std::string skill);
  Task<Result<SkillConnection>> status(Principal principal, McpServer server);

 private:
  class Turn;
  Task<Turn> take(std::string key);
  Task<Result<std::optional<Connection>>> claim(Principal principal, std::string skill, Connection seen,
                                                std::stop_token stop);
  Task<Status> renew_held(Principal principal, McpServer server, Connection seen, std::stop_token stop);

  HttpClient& http_;
  const Clock& clock_;
  Random& random_;
  SecretStore& secrets_;
  Signal freed_;
  std::set<std::string> taken_;
};

}  // namespace librebird::hands::oauth
