#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

namespace librebird::cli {

int fail(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.message);
  return 1;
}

Task<int> create_api_key(Operator op, ApiKeyRequest request, bool json) {
  if (request.scopes.empty()) {
    for (const KeyScope scope : api_key_scopes()) request.scopes.emplace_back(to_string(scope));
  }
  auto key = api_key_request(std::move(request.name), request.scopes, request.days, std::move(request.cidrs),
                             op.clock.unix_now());
  if (!key) co_return fail(key.error());
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto issued = co_await issue_api_key(op.credentials, op.random, *owner, *std::move(key));
  if (!issued) co_return fail(issued.error());
  if (json) {
    JsonWriter line;
    line.begin_object().field("id", issued->key.id).field("name", issued->key.name);
    line.field("secret", issued->secret).end_object();
    fmt::print("{}\n", line.text());
    co_return 0;
  }
  fmt::print(stderr, "The key is shown this once; keep it safe. Revoke it with: librebird api-key revoke {}\n",
             issued->key.id);
  fmt::print("{}\n", issued->secret);
  co_return 0;
}

Task<int> list_api_keys(Operator op, bool json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto keys = co_await op.credentials.list_api_keys(*owner);
  if (!keys) co_return fail(keys.error());
  for (const ApiKey& key : *keys) {
    const std::string used = key.last_used_at ? to_rfc3339(*key.last_used_at) : "never";
    if (json) {
      JsonWriter line;
      line.begin_object().field("id", key.id).field("name", key.name).field("prefix", key.prefix);
      line.field("created_at", to_rfc3339(key.created_at)).field("last_used_at", used);
      line.field("scopes", to_string(key.scopes)).field("cidrs", fmt::format("{}", fmt::join(key.cidrs, " ")));
      line.field("expires_at", key.expires_at ? to_rfc3339(*key.expires_at) : "never").end_object();
      fmt::print("{}\n", line.text());
    } else {
      fmt::print("{}  {}…  created {}  used {}  for {}{}  {}\n", key.id, key.prefix, to_rfc3339(key.created_at), used,
                 to_string(key.scopes), key.expires_at ? "  until " + to_rfc3339(*key.expires_at) : std::string(),
                 key.name);
    }
  }
  co_return 0;
}

Task<int> revoke_api_key(Operator op, std::string id) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto revoked = co_await op.credentials.revoke_api_key(*owner, std::move(id));
  co_return revoked ? 0 : fail(revoked.error());
}

Task<int> print_sign_in_link(Operator op, std::string base_url) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto token = co_await issue_sign_in_token(op.credentials, op.clock, op.random, *owner);
  if (!token) co_return fail(token.error());
  fmt::print("{}\n", sign_in_link(base_url, *token));
  co_return 0;
}

}  // namespace librebird::cli
