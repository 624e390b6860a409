#include <librebird/hands/oauth/connections.hpp>

#include "fetch.hpp"
#include "records.hpp"

#include <librebird/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace librebird::hands::oauth {
namespace {

constexpr const char* kConnection = "oauth";
constexpr const char* kPending = "oauth_pending";
constexpr const char* kAccessToken = "access_token";
constexpr Millis kWayBack{10 * 60 * 1000};
constexpr UnixMillis kClaim = 20'000;  // longer than a server is waited for
constexpr Millis kLookAgain{50};
constexpr UnixMillis kEarly = 60'000;  // a call begun now may last this long
constexpr std::size_t kLongestCode = 4096;
constexpr Millis kFarewell{3'000};

std::string scope_of(const std::string& skill) { return "user/skill/" + skill; }

std::string key_of(const Principal& principal, const std::string& skill) {
  return principal.workspace_id + "/" + principal.user_id + "/" + skill;
}

Error not_begun() {
  return make_error(Code::unauthenticated,
                    "This way back is not good (any more): it was used already, is too old, or somebody else began it. "
                    "Begin to connect again.");
}

Error ended(const std::string& skill) {
  return make_error(Code::unauthenticated,
                    fmt::format("Your connection to the server of the skill {} has ended: connect again, in the "
                                "settings, with `librebird skill connect {}`, or POST /api/v1/skills/{}/connection.",
                                skill, skill, skill));
}

std::string too_little(const std::string& skill, const std::string& scope) {
  return fmt::format(
      "The server of the skill {} asks for more than your connection allows{}: connect again to be asked for it, in "
      "the "
      "settings, with `librebird skill connect {}`, or POST /api/v1/skills/{}/connection.",
      skill, scope.empty() ? std::string() : fmt::format(" (scope {})", scope), skill, skill);
}

Task<Result<std::optional<std::string>>> find(SecretStore& store, Principal principal, std::string scope,
                                              std::string name) {
  auto found = co_await store.get(std::move(principal), std::move(scope), std::move(name));
  if (found) co_return std::optional(*std::move(found));
  if (found.error().code == Code::not_found) co_return std::optional<std::string>();
  co_return std::move(found).error();
}

Task<Result<std::optional<Connection>>> load(SecretStore& store, Principal principal, std::string skill) {
  LB_CO_TRY(text, co_await find(store, std::move(principal), scope_of(skill), kConnection));
  co_return text ? read_connection(*text) : std::nullopt;
}

Task<Status> drop(SecretStore& store, Principal principal, std::string skill, std::string name) {
  Status dropped = co_await store.remove(std::move(principal), scope_of(skill), std::move(name));
  if (!dropped && dropped.error().code != Code::not_found) co_return dropped;
  co_return Ok{};
}

// The token goes first: without it nothing is lent, whatever else is left.
Task<Status> forget(SecretStore& store, Principal principal, std::string skill) {
  for (const char* name : {kAccessToken, kConnection, kPending}) {
    LB_CO_CHECK(co_await drop(store, principal, skill, name));
  }
  co_return Ok{};
}

// Best effort: the person is not kept from leaving by a server that is away.
Task<void> tell_farewell(HttpClient& http, Connection connection, std::string access_token, std::string skill) {
  const Party& party = connection.party;
  for (auto& [token, kind] : {std::pair{&connection.refresh_token, "refresh_token"}, {&access_token, "access_token"}}) {
    if (token->empty() || party.revocation_endpoint.empty()) continue;
    const Status told =
        co_await take_back(http, party.revocation_endpoint, party.client, std::move(*token), kind, kFarewell, {});
    if (told) continue;
    log::warn("an authorization server did not take a token back",
              {{"skill", skill}, {"issuer", party.issuer}, {"kind", kind}, {"cause", told.error().message}});
  }
}

Task<Status> keep(SecretStore& store, Principal principal, std::string skill, std::string name, std::string record) {
  if (record.size() > kMaxSecretBytes) {
    co_return make_error(Code::too_large, "The authorization server's addresses and tokens are too long to be kept.");
  }
  co_return co_await store.put(std::move(principal), scope_of(skill), std::move(name), std::move(record));
}

// What renews goes first: an old access token beside it is refused once and renewed, the other way round all is lost.
// The claim ends when both are there, or with its time: whoever waits for it is lent the new one.
Task<Status> keep_tokens(SecretStore& store, Principal principal, std::string skill, Connection connection,
                         Tokens tokens, UnixMillis now) {
  if (!tokens.refresh_token.empty()) connection.refresh_token = std::move(tokens.refresh_token);
  if (!tokens.scope.empty()) connection.party.scope = std::move(tokens.scope);
  LB_CO_CHECK(co_await keep(store, principal, skill, kConnection, write(connection)));
  LB_CO_CHECK(co_await keep(store, principal, skill, kAccessToken, std::move(tokens.access_token)));
  for (bool kept = false; !kept;) {
    LB_CO_TRY(text, co_await find(store, principal, scope_of(skill), kConnection));
    auto current = text ? read_connection(*text) : std::nullopt;
    // Somebody has ended it, or connected anew.
    if (!current || current->refresh_token != connection.refresh_token) co_return Ok{};
    current->renewed_at = now;
    current->claimed_until = 0;
    current->expires_at = tokens.lifetime_seconds > 0 ? now + tokens.lifetime_seconds * 1000 : 0;
    LB_CO_TRY(mine,
              co_await store.replace(principal, scope_of(skill), std::string(kConnection), *text, write(*current)));
    kept = mine;
  }
  co_return Ok{};
}

bool can_be_used(const Party& party, const std::string& issuer, const std::string& redirect_uri, UnixMillis now) {
  return party.issuer == issuer && party.redirect_uri == redirect_uri && !party.client.id.empty() &&
         (party.client.expires_at == 0 || party.client.expires_at > now + kWayBack.count());
}

std::string authorization_url(const Pending& pending, const std::string& endpoint) {
  net::Form form{{"response_type", "code"},
                 {"client_id", pending.party.client.id},
                 {"redirect_uri", pending.party.redirect_uri},
                 {"state", pending.state},
                 {"code_challenge", net::pkce_challenge(pending.verifier)},
                 {"code_challenge_method", "S256"},
                 {"resource", pending.party.resource}};
  if (!pending.party.scope.empty()) form.emplace_back("scope", pending.party.scope);
  // OpenID Connect gives lasting access only to who is asked again.
  if (pending.party.scope.find("offline_access") != std::string::npos) form.emplace_back("prompt", "consent");
  const char separator = endpoint.find('?') == std::string::npos ? '?' : '&';
  return endpoint + separator + net::form_encoded(form);
}

}  // namespace

// One step of a connection.
class Connections::Turn {
 public:
  Turn(Connections& owner, std::string key) : owner_(&owner), key_(std::move(key)) { owner_->taken_.insert(key_); }
  Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (owner_ == nullptr) return;
    owner_->taken_.erase(key_);
    owner_->freed_.notify_all();
  }

 private:
  Connections* owner_;
  std::string key_;
};

Connections::Connections(Executor executor, HttpClient& http, const Clock& clock, Random& random, SecretStore& secrets)
    : http_(http), clock_(clock), random_(random), secrets_(secrets), freed_(executor) {}

Task<Connections::Turn> Connections::take(std::string key) {
  while (taken_.contains(key)) (void)co_await freed_.wait();
  co_return Turn(*this, std::move(key));
}

Task<Result<std::string>> Connections::begin(Principal principal, McpServer server, std::string redirect_uri,
                                             std::stop_token stop) {
  if (!is_askable(server.url)) {
    co_return make_error(Code::failed_precondition,
                         "Only servers at an https address are connected to: a token would be seen on the way.");
  }
  const Turn turn = co_await take(key_of(principal, server.skill));
  LB_CO_TRY(known, co_await load(secrets_, principal, server.skill));
  const bool ours = known && known->party.url == server.url;
  LB_CO_TRY(authority, co_await discover(http_, server.url, ours ? known->described_at : std::string(), stop));
  Pending pending;
  pending.party = {server.url,
                   authority.server.issuer,
                   authority.server.token_endpoint,
                   authority.server.revocation_endpoint,
                   std::move(authority.resource),
                   std::move(authority.scope),
                   std::move(redirect_uri),
                   {}};
  Party& party = pending.party;
  if (ours && !known->wanted_scope.empty()) {
    // What it has is not given up for what it lacks.
    party.scope = joined_scopes(party.scope, joined_scopes(known->party.scope, known->wanted_scope));
  }
  if (!server.client_id.empty()) {
    LB_CO_TRY(secret, co_await find(secrets_, principal, "skill/" + server.skill, "client_secret"));
    const std::string& method = authority.server.auth_method;
    const bool proves = secret.has_value();
    party.client = {server.client_id, secret.value_or(""),
                    !proves            ? "none"
                    : method == "none" ? "client_secret_basic"
                                       : method,
                    0};
  } else {
    const UnixMillis now = clock_.unix_now();
    LB_CO_TRY(text, co_await find(secrets_, principal, scope_of(server.skill), kPending));
    const auto before = text ? read_pending(*text) : std::nullopt;
    if (known && can_be_used(known->party, party.issuer, party.redirect_uri, now)) {
      party.client = known->party.client;
    } else if (before && can_be_used(before->party, party.issuer, party.redirect_uri, now)) {
      party.client = before->party.client;
    } else {
      LB_CO_TRY(client, co_await enrol(http_, authority.server, party.redirect_uri, server.skill, stop));
      party.client = std::move(client);
    }
  }
  pending.state = server.skill + "." + random_token(random_);
  pending.verifier = random_token(random_);
  pending.names_itself = authority.server.names_itself;
  pending.expires_at = clock_.unix_now() + kWayBack.count();
  LB_CO_CHECK(co_await keep(secrets_, std::move(principal), server.skill, kPending, write(pending)));
  co_return authorization_url(pending, authority.server.authorization_endpoint);
}

Result<std::string> Connections::skill_of(const std::string& state) {
  const std::size_t dot = state.find('.');
  const bool plain =
      dot != std::string::npos && dot > 0 && dot <= 100 && state.size() <= 200 &&
      std::ranges::all_of(state.substr(0, dot), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      });
  if (!plain) return make_error(Code::invalid_argument, "The state is not one that was given out here: begin again.");
  return state.substr(0, dot);
}

Task<Status> Connections::finish(Principal principal, ConnectionAnswer answer, std::stop_token stop) {
  LB_CO_TRY(skill, skill_of(answer.state));
  const Turn turn = co_await take(key_of(principal, skill));
  LB_CO_TRY(text, co_await find(secrets_, principal, scope_of(skill), kPending));
  const auto pending = text ? read_pending(*text) : std::nullopt;
  if (!pending || !constant_time_equal(answer.state, pending->state)) co_return not_begun();
  // Whatever comes of it: a state is good for one answer.
  LB_CO_CHECK(co_await drop(secrets_, principal, skill, kPending));
  if (clock_.unix_now() >= pending->expires_at) co_return not_begun();
  // Another server's answer must not be taken to this one (RFC 9207).
  const bool foreign = !answer.issuer.empty() && answer.issuer != pending->party.issuer;
  if (foreign || (pending->names_itself && answer.issuer.empty())) co_return not_begun();
  if (answer.code.empty() || answer.code.size() > kLongestCode) co_return not_begun();
  net::Form form{{"grant_type", "authorization_code"},
                 {"code", std::move(answer.code)},
                 {"redirect_uri", pending->party.redirect_uri},
                 {"code_verifier", pending->verifier}};
  auto tokens = co_await ask_for_tokens(http_, pending->party.token_endpoint, pending->party.client,
                                        pending->party.resource, std::move(form), std::move(stop));
  if (!tokens && tokens.error().code == Code::unauthenticated) co_return not_begun();
  if (!tokens) co_return std::move(tokens).error();
  co_return co_await keep_tokens(secrets_, std::move(principal), skill, Connection{pending->party, {}, 0, 0, 0, {}, {}},
                                 *std::move(tokens), clock_.unix_now());
}

// A refresh token is good once, and a server may end the whole connection when one comes twice: of all processes only
// one renews at a time. It says so in the record, in one step with finding that nobody else does.
Task<Result<std::optional<Connection>>> Connections::claim(Principal principal, std::string skill, Connection seen,
                                                           std::stop_token stop) {
  for (;;) {
    LB_CO_TRY(text, co_await find(secrets_, principal, scope_of(skill), kConnection));
    auto connection = text ? read_connection(*text) : std::nullopt;
    if (!connection) co_return ended(skill);
    const UnixMillis now = clock_.unix_now();
    if (connection->claimed_until <= now || connection->claimed_until > now + kClaim) {
      // Another process was quicker.
      if (connection->refresh_token != seen.refresh_token || connection->renewed_at != seen.renewed_at) {
        co_return std::optional<Connection>();
      }
      connection->claimed_until = now + kClaim;
      LB_CO_TRY(mine, co_await secrets_.replace(principal, scope_of(skill), kConnection, *text, write(*connection)));
      if (mine) co_return std::optional(*std::move(connection));
      continue;
    }
    if (!co_await sleep_for(kLookAgain, stop)) {
      co_return make_error(Code::cancelled, "The call was stopped while its connection was renewed.");
    }
  }
}

Task<Status> Connections::renew_held(Principal principal, McpServer server, Connection seen, std::stop_token stop) {
  LB_CO_TRY(claimed, co_await claim(principal, server.skill, std::move(seen), stop));
  if (!claimed) co_return Ok{};
  Connection connection = *std::move(claimed);
  const std::string record = write(connection);
  const std::string& refresh_token = connection.refresh_token;
  Status refused = ended(server.skill);
  if (!refresh_token.empty()) {
    net::Form form{{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}};
    // Once it is asked for, what comes is kept, whoever has lost interest meanwhile.
    auto tokens = co_await ask_for_tokens(http_, connection.party.token_endpoint, connection.party.client,
                                          connection.party.resource, std::move(form), {});
    if (tokens) {
      co_return co_await keep_tokens(secrets_, std::move(principal), server.skill, std::move(connection),
                                     *std::move(tokens), clock_.unix_now());
    }
    if (tokens.error().code != Code::unauthenticated) refused = std::move(tokens).error();
  }
  const std::string scope = scope_of(server.skill);
  if (refused.error().code != Code::unauthenticated) {
    // It may come back: the next one need not wait for that.
    connection.claimed_until = 0;
    LB_CO_CHECK(co_await secrets_.replace(std::move(principal), scope, kConnection, record, write(connection)));
    co_return refused;
  }
  // Unless the person has connected anew meanwhile.
  LB_CO_TRY(mine, co_await secrets_.replace(principal, scope, kConnection, record, std::nullopt));
  if (!mine) co_return Ok{};
  LB_CO_CHECK(co_await forget(secrets_, std::move(principal), server.skill));
  co_return refused;
}

Task<Status> Connections::freshen(Principal principal, McpServer server, std::stop_token stop) {
  const Turn turn = co_await take(key_of(principal, server.skill));
  LB_CO_TRY(connection, co_await load(secrets_, principal, server.skill));
  if (!connection) co_return Ok{};
  if (connection->party.url != server.url) {
    // The skill has moved: what was given to one server is not for another.
    co_return co_await forget(secrets_, std::move(principal), server.skill);
  }
  const UnixMillis now = clock_.unix_now();
  if (connection->expires_at == 0 || now + kEarly < connection->expires_at) co_return Ok{};
  // One that cannot be renewed is used to its end.
  if (connection->refresh_token.empty() && now < connection->expires_at) co_return Ok{};
  const Status renewed = co_await renew_held(std::move(principal), server, *connection, std::move(stop));
  const bool away = !renewed && renewed.error().code != Code::unauthenticated;
  if (away && now < connection->expires_at) co_return Ok{};
  co_return renewed;
}

Task<bool> Connections::renew(Principal principal, McpServer server, UnixMillis lent_at, std::stop_token stop) {
  const Turn turn = co_await take(key_of(principal, server.skill));
  const auto connection = co_await load(secrets_, principal, server.skill);
  if (!connection || !*connection || (*connection)->party.url != server.url) co_return false;
  if ((*connection)->renewed_at > lent_at) co_return true;
  const Status renewed = co_await renew_held(std::move(principal), std::move(server), **connection, std::move(stop));
  co_return static_cast<bool>(renewed);
}

Task<std::string> Connections::step_up(Principal principal, McpServer server, std::string challenge) {
  const auto parsed = parse_challenge(challenge);
  if (!parsed || parsed->error != "insufficient_scope") co_return std::string();
  const std::string scope = joined_scopes(parsed->scope, {});
  const Turn turn = co_await take(key_of(principal, server.skill));
  for (bool kept = false; !kept;) {
    const auto text = co_await find(secrets_, principal, scope_of(server.skill), kConnection);
    auto connection = text && *text ? read_connection(**text) : std::nullopt;
    // A token that was set by hand is not ours to widen.
    if (!connection || connection->party.url != server.url) co_return std::string();
    connection->wanted_scope = joined_scopes(connection->wanted_scope, scope);
    connection->described_at = parsed->resource_metadata;
    const auto done =
        co_await secrets_.replace(principal, scope_of(server.skill), kConnection, **text, write(*connection));
    if (!done) {
      log::warn("what a server asks for is not kept", {{"skill", server.skill}, {"cause", done.error().message}});
    }
    kept = !done || *done;
  }
  co_return too_little(server.skill, scope);
}

Task<Status> Connections::disconnect(Principal principal, std::string skill) {
  const Turn turn = co_await take(key_of(principal, skill));
  const auto connection = co_await load(secrets_, principal, skill);
  const auto access_token = co_await find(secrets_, principal, scope_of(skill), kAccessToken);
  LB_CO_CHECK(co_await forget(secrets_, std::move(principal), skill));
  if (connection && *connection) {
    co_await tell_farewell(http_, *std::move(*connection), access_token ? access_token->value_or("") : "", skill);
  }
  co_return Ok{};
}

Task<Result<SkillConnection>> Connections::status(Principal principal, McpServer server) {
  SkillConnection out;
  out.skill = server.skill;
  out.server = server.url;
  LB_CO_TRY(connection, co_await load(secrets_, std::move(principal), server.skill));
  if (!connection || connection->party.url != server.url) co_return out;
  out.connected = true;
  out.issuer = std::move(connection->party.issuer);
  out.scope = std::move(connection->party.scope);
  out.expires_at = connection->expires_at;
  if (!connection->wanted_scope.empty()) out.problem = too_little(server.skill, connection->wanted_scope);
  co_return out;
}

}  // namespace librebird::hands::oauth
