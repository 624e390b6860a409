#include "issuer.hpp"

#include "fetch.hpp"

#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::gateway::oidc {
namespace {

constexpr std::string_view kTenant = "{tenantid}";

// The discovered issuer is the one that was asked, or fits the template.
bool is_expected(const std::string& issuer, const SignInProvider& provider) {
  if (provider.issuer_template.empty()) return issuer == provider.issuer;
  const std::size_t at = provider.issuer_template.find(kTenant);
  const std::string_view before = std::string_view(provider.issuer_template).substr(0, at);
  const std::string_view after = std::string_view(provider.issuer_template).substr(at + kTenant.size());
  if (!issuer.starts_with(before) || !issuer.ends_with(after) || issuer.size() <= before.size() + after.size()) {
    return false;
  }
  const std::string_view tenant =
      std::string_view(issuer).substr(before.size(), issuer.size() - before.size() - after.size());
  return tenant.find('/') == std::string_view::npos;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

}  // namespace

Result<Metadata> parse_metadata(std::string_view text, const SignInProvider& provider) {
  const auto document = net::parse_object(text);
  if (!document) {
    return {Code::unavailable, provider.issuer + " has no discovery document: check that it is an OpenID issuer."};
  }
  Metadata out;
  out.issuer = net::text_at(*document, "issuer");
  if (!is_expected(out.issuer, provider)) {
    return {Code::unavailable, fmt::format("{} calls itself {}: configure the issuer exactly as it names itself.",
                                           provider.issuer, out.issuer.substr(0, 200))};
  }
  out.authorization_endpoint = net::text_at(*document, "authorization_endpoint");
  out.token_endpoint = net::text_at(*document, "token_endpoint");
  out.userinfo_endpoint = net::text_at(*document, "userinfo_endpoint");
  out.key_set = net::text_at(*document, "jwks_uri");
  for (const std::string& url : {out.authorization_endpoint, out.token_endpoint, out.key_set}) {
    if (is_trusted_origin(url) && url.find('#') == std::string::npos) continue;
    return {Code::unavailable, provider.issuer + " names an endpoint that is missing or not https."};
  }
  const auto methods = net::texts_at(*document, "token_endpoint_auth_methods_supported");
  out.takes_secret_in_header = methods.empty() || contains(methods, "client_secret_basic");
  out.names_itself = net::flag_at(*document, "authorization_response_iss_parameter_supported");
  return out;
}

Task<void> Issuer::take_turn() {
  while (asking_) (void)co_await changed_.wait();
  asking_ = true;
}

void Issuer::end_turn() {
  asking_ = false;
  changed_.notify_all();
}

Task<Status> Issuer::refresh_metadata() {
  std::string url = provider_.issuer;
  while (url.ends_with('/')) url.pop_back();
  LB_CO_TRY(answer, co_await get(http_, url + "/.well-known/openid-configuration", {}, {}));
  if (answer.status != 200) {
    co_return make_error(Code::unavailable,
                         fmt::format("{} answered {} when asked for its discovery document.", url, answer.status));
  }
  LB_CO_TRY(read, parse_metadata(answer.body, provider_));
  metadata_ = std::move(read);
  metadata_until_ = clock_.steady_now() + kKeep;
  co_return Ok{};
}

Task<Result<Metadata>> Issuer::metadata() {
  co_await take_turn();
  const bool fresh = metadata_ && clock_.steady_now() < metadata_until_;
  const bool resting = failure_ && clock_.steady_now() < failure_until_;
  if (!fresh && !resting) {
    failure_ = std::nullopt;
    if (Status done = co_await refresh_metadata(); !done) {
      failure_ = std::move(done).error();
      failure_until_ = clock_.steady_now() + kRest;
    }
  }
  end_turn();
  // An old document serves while the issuer is away.
  if (!metadata_) co_return *failure_;
  co_return *metadata_;
}

Task<Status> Issuer::refresh_keys(std::string url) {
  keys_asked_ = clock_.steady_now();
  LB_CO_TRY(answer, co_await get(http_, std::move(url), {}, {}));
  if (answer.status != 200) {
    co_return make_error(Code::unavailable,
                         fmt::format("{} answered {} when asked for its keys.", provider_.issuer, answer.status));
  }
  LB_CO_TRY(keys, parse_key_set(answer.body));
  keys_ = std::move(keys);
  co_return Ok{};
}

Task<Result<PublicKey>> Issuer::key(std::string id, Algorithm algorithm, std::string url) {
  co_await take_turn();
  const PublicKey* found = choose(keys_, id, algorithm);
  const SteadyTime now = clock_.steady_now();
  const bool old = keys_asked_ && now >= *keys_asked_ + kKeep;
  const bool may_ask = !keys_asked_ || now >= *keys_asked_ + kAskAgain;
  Status asked = Ok{};
  if (old || (found == nullptr && may_ask)) {
    asked = co_await refresh_keys(std::move(url));
    found = choose(keys_, id, algorithm);
  }
  std::optional<PublicKey> out;
  if (found != nullptr) out = *found;
  end_turn();
  if (out) co_return *std::move(out);
  if (!asked) co_return asked.error();
  co_return make_error(Code::unauthenticated,
                       "The identity provider's token was refused: it is signed with a key that its issuer does not "
                       "publish (kid).");
}

Task<Result<Claims>> Issuer::verify(std::string id_token, std::string nonce, std::string access_token) {
  LB_CO_TRY(token, parse_id_token(id_token, provider_.verified_claim));
  LB_CO_TRY(document, co_await metadata());
  LB_CO_TRY(signer, co_await key(token.key_id, token.algorithm, document.key_set));
  if (!signer.verifies(token.algorithm, token.signed_text, token.signature)) {
    co_return make_error(Code::unauthenticated, "The identity provider's token was refused: its signature is wrong.");
  }
  Expected expected{document.issuer, provider_.client_id, std::move(nonce), std::move(access_token),
                    clock_.unix_now() / 1000};
  LB_CO_CHECK(check_claims(token, expected));
  co_return std::move(token.claims);
}

}  // namespace librebird::gateway::oidc
