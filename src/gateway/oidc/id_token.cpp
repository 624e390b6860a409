#include "id_token.hpp"

#include "base64url.hpp"

#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace librebird::gateway::oidc {
namespace {

namespace json = boost::json;

constexpr std::int64_t kClocksDiffer = 60;
constexpr std::size_t kLongestSubject = 255;
constexpr std::string_view kTenant = "{tenantid}";

Error refused(std::string_view why) {
  return make_error(Code::unauthenticated, "The identity provider's token was refused: " + std::string(why) + ".");
}

Claims claims_of(const json::object& object, std::string_view verified_claim) {
  Claims out;
  out.issuer = net::text_at(object, "iss");
  out.subject = net::text_at(object, "sub");
  out.audience = net::texts_at(object, "aud");
  out.authorized_party = net::text_at(object, "azp");
  out.expires_at = net::integer_at(object, "exp");
  out.issued_at = net::integer_at(object, "iat");
  out.not_before = net::integer_at(object, "nbf");
  out.nonce = net::text_at(object, "nonce");
  out.access_token_hash = net::text_at(object, "at_hash");
  out.tenant = net::text_at(object, "tid");
  out.email = net::text_at(object, "email");
  out.email_verified = net::flag_at(object, verified_claim);
  out.name = net::text_at(object, "name");
  if (out.name.empty()) out.name = net::text_at(object, "preferred_username");
  return out;
}

// The left half of the token's hash; which hash is the signature's.
std::string half_hash(std::string_view text, Algorithm algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  const EVP_MD* kind = algorithm == Algorithm::eddsa ? ::EVP_sha512() : ::EVP_sha256();
  if (::EVP_Digest(text.data(), text.size(), hash.data(), &size, kind, nullptr) != 1) return {};
  return to_base64url(std::string_view(reinterpret_cast<const char*>(hash.data()), size / 2));
}

bool is_tenant_id(std::string_view text) {
  return text.size() == 36 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'; });
}

// The issuer this token must name.
std::optional<std::string> issuer_for(std::string issuer, const std::string& tenant) {
  const std::size_t at = issuer.find(kTenant);
  if (at == std::string::npos) return issuer;
  if (!is_tenant_id(tenant)) return std::nullopt;
  return issuer.replace(at, kTenant.size(), tenant);
}

Status check_times(const Claims& claims, std::int64_t now) {
  if (!claims.expires_at || now >= *claims.expires_at + kClocksDiffer) return refused("it has expired (exp)");
  if (!claims.issued_at || *claims.issued_at > now + kClocksDiffer) {
    return refused("it is from the future (iat): compare the clocks");
  }
  if (claims.not_before && *claims.not_before > now + kClocksDiffer) return refused("it is not valid yet (nbf)");
  return Ok{};
}

}  // namespace

Result<IdToken> parse_id_token(std::string_view text, std::string_view verified_claim) {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (text.size() > kLongestToken || second == std::string_view::npos) return refused("it is malformed or too long");
  const auto head_text = from_base64url(text.substr(0, first));
  const auto body_text = from_base64url(text.substr(first + 1, second - first - 1));
  auto signature = from_base64url(text.substr(second + 1));
  const auto head = head_text ? net::parse_object(*head_text) : std::nullopt;
  const auto body = body_text ? net::parse_object(*body_text) : std::nullopt;
  if (!head || !body || !signature) return refused("it is malformed");
  // RFC 7515, 4.1.11: what must be understood and is not.
  if (head->contains("crit")) return refused("it demands extensions that are not known here (crit)");
  const auto algorithm = algorithm_from(net::text_at(*head, "alg"));
  if (!algorithm) return refused("it is not signed with RS256, PS256, ES256 or EdDSA (alg)");
  IdToken out;
  out.algorithm = *algorithm;
  out.key_id = net::text_at(*head, "kid");
  out.claims = claims_of(*body, verified_claim);
  out.signed_text = text.substr(0, second);
  out.signature = *std::move(signature);
  return out;
}

Status check_claims(const IdToken& token, const Expected& expected) {
  const Claims& claims = token.claims;
  const auto issuer = issuer_for(expected.issuer, claims.tenant);
  if (!issuer || claims.issuer != *issuer) return refused("another issuer made it (iss)");
  if (claims.subject.empty() || claims.subject.size() > kLongestSubject) return refused("it names nobody (sub)");
  if (std::ranges::find(claims.audience, expected.client_id) == claims.audience.end()) {
    return refused("it is meant for somebody else (aud)");
  }
  if ((claims.audience.size() > 1 && claims.authorized_party.empty()) ||
      (!claims.authorized_party.empty() && claims.authorized_party != expected.client_id)) {
    return refused("it was given to somebody else (azp)");
  }
  LB_CHECK(check_times(claims, expected.now));
  if (expected.nonce.empty() || claims.nonce != expected.nonce) return refused("it answers another sign-in (nonce)");
  if (!claims.access_token_hash.empty() &&
      claims.access_token_hash != half_hash(expected.access_token, token.algorithm)) {
    return refused("the access token beside it is not its own (at_hash)");
  }
  return Ok{};
}

std::optional<Claims> parse_claims(std::string_view json, std::string_view verified_claim) {
  const auto object = net::parse_object(json);
  if (!object) return std::nullopt;
  return claims_of(*object, verified_claim);
}

}  // namespace librebird::gateway::oidc
