#include <librebird/core/credentials/jwt.hpp>

#include "encoding.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/base/random.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>

namespace librebird {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongest = 16 * 1024;
constexpr std::int64_t kClocksDiffer = 60;

Error refused(std::string_view why) {
  return make_error(Code::unauthenticated, "The access token is " + std::string(why) + ": sign in again.");
}

std::optional<json::object> object_of(std::string_view encoded) {
  const auto text = credentials::from_base64url(encoded);
  if (!text) return std::nullopt;
  boost::system::error_code failure;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(*text, failure, {}, options);
  if (failure || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::optional<std::string> text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  if (text == nullptr) return std::nullopt;
  return std::string(std::string_view(*text));
}

std::optional<std::int64_t> integer_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  const auto* number = value == nullptr ? nullptr : value->if_int64();
  if (number == nullptr) return std::nullopt;
  return *number;
}

// Two members, whose values leave nothing to choose.
bool is_our_header(std::string_view encoded) {
  const auto header = object_of(encoded);
  return header && header->size() == 2 && text_at(*header, "alg") == "HS256" && text_at(*header, "typ") == "JWT";
}

std::optional<std::vector<WorkspaceRole>> workspaces_of(const json::object& object) {
  const auto* value = object.if_contains("workspaces");
  const auto* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr || list->size() > kMostTokenWorkspaces) return std::nullopt;
  std::vector<WorkspaceRole> out;
  for (const json::value& item : *list) {
    const auto* entry = item.if_object();
    if (entry == nullptr) return std::nullopt;
    auto id = text_at(*entry, "id");
    const auto role = role_from_string(text_at(*entry, "role").value_or(""));
    if (!id || !is_uuid(*id) || !role) return std::nullopt;
    out.push_back({*std::move(id), *role});
  }
  return out;
}

std::optional<TokenClaims> claims_of(std::string_view encoded) {
  const auto object = object_of(encoded);
  if (!object) return std::nullopt;
  auto user = text_at(*object, "sub");
  auto email = text_at(*object, "email");
  auto session = text_at(*object, "sid");
  auto workspaces = workspaces_of(*object);
  const auto issued = integer_at(*object, "iat");
  const auto expires = integer_at(*object, "exp");
  const auto epoch = integer_at(*object, "epoch");
  if (!user || !is_uuid(*user) || !email || !session || !is_uuid(*session) || !workspaces || !issued || !expires ||
      !epoch) {
    return std::nullopt;
  }
  return TokenClaims{
      *std::move(user), *std::move(email), *std::move(workspaces), *issued, *expires, *std::move(session), *epoch};
}

}  // namespace

std::string sign_token(const TokenClaims& claims, std::string_view key) {
  JsonWriter payload;
  payload.begin_object().field("sub", claims.user_id).field("email", claims.email).key("workspaces").begin_array();
  const std::size_t count = std::min(claims.workspaces.size(), kMostTokenWorkspaces);
  for (std::size_t i = 0; i < count; ++i) {
    const WorkspaceRole& workspace = claims.workspaces[i];
    payload.begin_object().field("id", workspace.workspace_id).field("role", to_string(workspace.role)).end_object();
  }
  payload.end_array().field("iat", claims.issued_at).field("exp", claims.expires_at);
  payload.field("sid", claims.session_id).field("epoch", claims.epoch).end_object();
  const std::string signed_part =
      credentials::base64url(R"({"alg":"HS256","typ":"JWT"})") + "." + credentials::base64url(payload.text());
  return signed_part + "." + credentials::base64url(credentials::hmac_sha256(key, signed_part));
}

bool is_token(std::string_view text) { return text.starts_with("eyJ") && std::ranges::count(text, '.') == 2; }

Result<TokenClaims> verify_token(std::string_view text, std::string_view key, std::int64_t now) {
  if (text.size() > kLongest || std::ranges::count(text, '.') != 2) return refused("malformed");
  const std::size_t first = text.find('.');
  const std::size_t second = text.rfind('.');
  if (!is_our_header(text.substr(0, first))) return refused("not of the kind that this server makes");
  const auto signature = credentials::from_base64url(text.substr(second + 1));
  const std::string expected = credentials::hmac_sha256(key, text.substr(0, second));
  if (!signature || !constant_time_equal(*signature, expected)) return refused("not signed by this server");
  auto claims = claims_of(text.substr(first + 1, second - first - 1));
  if (!claims) return refused("malformed");
  if (claims->issued_at > now + kClocksDiffer || claims->expires_at <= claims->issued_at ||
      claims->expires_at - claims->issued_at > kTokenSeconds) {
    return refused("dated wrongly");
  }
  if (claims->expires_at <= now) return refused("expired");
  return *std::move(claims);
}

}  // namespace librebird
