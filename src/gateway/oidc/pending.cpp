#include "pending.hpp"

#include "base64url.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace librebird::gateway::oidc {
namespace {

constexpr std::size_t kLongestCookie = 4096;
constexpr std::size_t kLongestReturn = 1024;

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

Error foreign() {
  return make_error(Code::unauthenticated,
                    "This sign-in is too old, was finished already, or began in another browser: begin again.");
}

}  // namespace

PendingCodec::PendingCodec(std::string_view key) : key_(hmac(key, "librebird pending sign-in")) {}

std::string PendingCodec::derived(std::string_view purpose, std::string_view text) const {
  return to_base64url(hmac(key_, std::string(purpose) + ":" + std::string(text)));
}

std::string PendingCodec::seal(const Pending& pending) const {
  JsonWriter json;
  json.begin_object().field("provider", pending.provider).field("seed", pending.seed);
  json.field("return_to", pending.return_to).field("redirect_uri", pending.redirect_uri);
  json.field("user_id", pending.user_id).field("expires_at", pending.expires_at).end_object();
  const std::string body = to_base64url(json.text());
  return body + "." + derived("seal", body);
}

Result<Pending> PendingCodec::open(std::string_view cookie, UnixMillis now) const {
  const std::size_t dot = cookie.find('.');
  if (cookie.size() > kLongestCookie || dot == std::string_view::npos) return foreign();
  const std::string_view body = cookie.substr(0, dot);
  if (!constant_time_equal(cookie.substr(dot + 1), derived("seal", body))) return foreign();
  const auto text = from_base64url(body);
  const auto object = text ? net::parse_object(*text) : std::nullopt;
  if (!object) return foreign();
  Pending out;
  out.provider = net::text_at(*object, "provider");
  out.seed = net::text_at(*object, "seed");
  out.return_to = net::text_at(*object, "return_to");
  out.redirect_uri = net::text_at(*object, "redirect_uri");
  out.user_id = net::text_at(*object, "user_id");
  out.expires_at = net::integer_at(*object, "expires_at").value_or(0);
  if (out.expires_at <= now) return foreign();
  return out;
}

std::string safe_return(std::string_view path) {
  const bool fine = path.starts_with('/') && path.size() <= kLongestReturn && !path.starts_with("//") &&
                    std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
  return fine ? std::string(path) : "/";
}

}  // namespace librebird::gateway::oidc
