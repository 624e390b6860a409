#include <librebird/gateway/oidc/external_sign_in.hpp>

#include "fetch.hpp"
#include "issuer.hpp"
#include "pending.hpp"

#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::gateway::oidc {
namespace {

constexpr std::size_t kMostFinished = 10'000;
constexpr std::size_t kLongestCode = 4096;

Error not_ours() {
  return make_error(Code::unauthenticated,
                    "This sign-in is too old, was finished already, or began in another browser: begin again.");
}

// What a provider calls an error is its own text: only known words go on.
Error refusal(const std::string& error) {
  if (error == "access_denied") return make_error(Code::permission_denied, "The sign-in was cancelled there.");
  const bool plain =
      error.size() <= 64 && std::ranges::all_of(error, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return make_error(Code::unavailable, fmt::format("The identity provider refused the sign-in ({}).",
                                                   plain ? error : std::string("with an error of its own")));
}

}  // namespace

struct ExternalSignIn::Entry {
  Entry(Executor executor, HttpClient& http, const Clock& clock, SignInProvider configured)
      : provider(std::move(configured)), issuer(executor, http, clock, provider) {}
  [[nodiscard]] bool discovered() const { return !provider.issuer.empty(); }

  const SignInProvider provider;
  Issuer issuer;
};

std::vector<ConfigKey> sign_in_config_keys() {
  std::vector<ConfigKey> out;
  for (const SignInProviderPlugin& plugin : sign_in_provider_plugins()) {
    out.insert(out.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
  }
  return out;
}

Result<std::vector<SignInProvider>> configured_providers(const Config& config) {
  std::vector<SignInProvider> out;
  for (const SignInProviderPlugin& plugin : sign_in_provider_plugins()) {
    LB_TRY(provider, plugin.make(config));
    if (provider) out.push_back(*std::move(provider));
  }
  return out;
}

ExternalSignIn::ExternalSignIn(Loop& loop, HttpClient& http, const Clock& clock, Random& random,
                               std::vector<SignInProvider> providers, std::string key)
    : http_(http), clock_(clock), random_(random), codec_(std::make_unique<PendingCodec>(key)) {
  if (key.empty()) return;
  for (SignInProvider& provider : providers) {
    entries_.push_back(std::make_unique<Entry>(loop.executor(), http, clock, std::move(provider)));
  }
}
ExternalSignIn::~ExternalSignIn() = default;

std::vector<ExternalSignIn::Offer> ExternalSignIn::offers() const {
  std::vector<Offer> out;
  for (const auto& entry : entries_) out.push_back({entry->provider.name, entry->provider.title});
  return out;
}

ExternalSignIn::Entry* ExternalSignIn::find(std::string_view name) {
  const auto at = std::ranges::find_if(entries_, [&](const auto& entry) { return entry->provider.name == name; });
  return at == entries_.end() ? nullptr : at->get();
}

bool ExternalSignIn::take(const std::string& state, UnixMillis expires_at) {
  const UnixMillis now = clock_.unix_now();
  std::erase_if(finished_, [now](const auto& each) { return each.second <= now; });
  // Past the bound the provider alone sees to it that a code is used once.
  if (finished_.size() >= kMostFinished) finished_.erase(finished_.begin());
  return finished_.emplace(state, expires_at).second;
}

Task<Result<Started>> ExternalSignIn::start(StartRequest request) {
  Entry* const entry = find(request.provider);
  if (entry == nullptr) co_return make_error(Code::not_found, "Nobody signs in this way here.");
  std::string endpoint = entry->provider.authorization_endpoint;
  if (entry->discovered()) {
    LB_CO_TRY(metadata, co_await entry->issuer.metadata());
    endpoint = std::move(metadata.authorization_endpoint);
  }
  Pending pending;
  pending.provider = std::move(request.provider);
  pending.seed = random_token(random_);
  pending.return_to = safe_return(request.return_to);
  pending.redirect_uri = std::move(request.redirect_uri);
  pending.user_id = std::move(request.user_id);
  pending.expires_at = clock_.unix_now() + kPendingLifetime.count();
  Form form{{"response_type", "code"},
            {"client_id", entry->provider.client_id},
            {"redirect_uri", pending.redirect_uri},
            {"scope", entry->provider.scope},
            {"state", codec_->state(pending)},
            {"code_challenge", pkce_challenge(codec_->verifier(pending))},
            {"code_challenge_method", "S256"}};
  if (entry->discovered()) form.emplace_back("nonce", codec_->nonce(pending));
  const char separator = endpoint.find('?') == std::string::npos ? '?' : '&';
  co_return Started{endpoint + separator + form_encoded(form), codec_->seal(pending)};
}

Task<Result<Finished>> ExternalSignIn::finish(std::string provider, Answer answer, std::string cookie,
                                              std::stop_token stop) {
  Entry* const entry = find(provider);
  if (entry == nullptr) co_return make_error(Code::not_found, "Nobody signs in this way here.");
  LB_CO_TRY(pending, codec_->open(cookie, clock_.unix_now()));
  if (pending.provider != provider || !constant_time_equal(answer.state, codec_->state(pending))) co_return not_ours();
  if (!take(answer.state, pending.expires_at)) co_return not_ours();
  if (entry->discovered()) {
    // Another provider's answer must not be taken to this one (RFC 9207).
    LB_CO_TRY(metadata, co_await entry->issuer.metadata());
    const bool wrong = !answer.issuer.empty() && answer.issuer != metadata.issuer;
    if (wrong || (metadata.names_itself && answer.issuer.empty())) co_return not_ours();
  }
  if (!answer.error.empty()) co_return refusal(answer.error);
  if (answer.code.empty() || answer.code.size() > kLongestCode) co_return not_ours();
  LB_CO_TRY(tokens,
            co_await exchange(*entry, std::move(answer.code), codec_->verifier(pending), pending.redirect_uri, stop));
  LB_CO_TRY(identity, co_await identify(*entry, std::move(tokens), codec_->nonce(pending), stop));
  co_return Finished{std::move(identity), std::move(pending.return_to), std::move(pending.user_id)};
}

Task<Result<ExternalSignIn::Tokens>> ExternalSignIn::exchange(Entry& entry, std::string code, std::string verifier,
                                                              std::string redirect_uri, std::stop_token stop) {
  const SignInProvider& provider = entry.provider;
  std::string endpoint = provider.token_endpoint;
  bool in_header = false;
  if (entry.discovered()) {
    LB_CO_TRY(metadata, co_await entry.issuer.metadata());
    endpoint = std::move(metadata.token_endpoint);
    in_header = metadata.takes_secret_in_header && !provider.secret_in_body;
  }
  Form form{{"grant_type", "authorization_code"},
            {"code", std::move(code)},
            {"redirect_uri", std::move(redirect_uri)},
            {"code_verifier", std::move(verifier)}};
  HttpHeaders headers;
  if (!provider.client_secret.empty() && in_header) {
    headers.emplace_back("Authorization", net::basic_authorization(provider.client_id, provider.client_secret));
  } else {
    form.emplace_back("client_id", provider.client_id);
    if (!provider.client_secret.empty()) form.emplace_back("client_secret", provider.client_secret);
  }
  LB_CO_TRY(answer, co_await post(http_, std::move(endpoint), std::move(headers), std::move(form), std::move(stop)));
  const auto object = net::parse_object(answer.body);
  // Some say 200 and then that it was an error.
  const std::string error = object ? net::text_at(*object, "error") : std::string();
  if (error == "invalid_grant" || error == "bad_verification_code") co_return not_ours();
  if (!error.empty()) co_return refusal(error);
  Tokens tokens;
  if (object) tokens = {net::text_at(*object, "access_token"), net::text_at(*object, "id_token")};
  if (answer.status != 200 || tokens.access_token.empty() || (entry.discovered() && tokens.id_token.empty())) {
    co_return make_error(Code::unavailable,
                         fmt::format("{} answered {} without the tokens it owes.", provider.title, answer.status));
  }
  co_return tokens;
}

Task<Result<ExternalIdentity>> ExternalSignIn::identify(Entry& entry, Tokens tokens, std::string nonce,
                                                        std::stop_token stop) {
  if (!entry.discovered()) {
    co_return co_await entry.provider.fetch_identity(http_, std::move(tokens.access_token), std::move(stop));
  }
  LB_CO_TRY(claims, co_await entry.issuer.verify(std::move(tokens.id_token), std::move(nonce), tokens.access_token));
  ExternalIdentity identity;
  identity.issuer = std::move(claims.issuer);
  identity.subject = std::move(claims.subject);
  identity.display_name = std::move(claims.name);
  if (!claims.email.empty()) identity.email = std::move(claims.email);
  identity.email_verified = identity.email && claims.email_verified;
  if (identity.email && !identity.display_name.empty()) co_return identity;
  co_return co_await ask_userinfo(entry, std::move(identity), std::move(tokens.access_token), std::move(stop));
}

Task<Result<ExternalIdentity>> ExternalSignIn::ask_userinfo(Entry& entry, ExternalIdentity known,
                                                            std::string access_token, std::stop_token stop) {
  LB_CO_TRY(metadata, co_await entry.issuer.metadata());
  if (metadata.userinfo_endpoint.empty()) co_return known;
  HttpHeaders headers{{"Authorization", "Bearer " + access_token}};
  // What is missing is no reason to turn somebody away: the token has said who they are.
  const auto answer = co_await get(http_, metadata.userinfo_endpoint, std::move(headers), std::move(stop));
  if (!answer || answer->status != 200) co_return known;
  auto claims = parse_claims(answer->body, entry.provider.verified_claim);
  if (!claims) co_return known;
  if (claims->subject != known.subject) {
    co_return make_error(Code::unauthenticated, "The identity provider speaks of two different people: begin again.");
  }
  if (!known.email && !claims->email.empty()) {
    known.email = std::move(claims->email);
    known.email_verified = claims->email_verified;
  }
  if (known.display_name.empty()) known.display_name = std::move(claims->name);
  co_return known;
}

}  // namespace librebird::gateway::oidc
