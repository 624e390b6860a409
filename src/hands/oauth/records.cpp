#include "records.hpp"

#include "fetch.hpp"

#include <librebird/base/json_writer.hpp>

namespace librebird::hands::oauth {
namespace {

void write(JsonWriter& json, const Party& party) {
  json.field("url", party.url).field("issuer", party.issuer).field("token_endpoint", party.token_endpoint);
  json.field("resource", party.resource).field("scope", party.scope).field("redirect_uri", party.redirect_uri);
  json.field("client_id", party.client.id).field("client_secret", party.client.secret);
  json.field("client_auth", party.client.auth_method).field("client_expires_at", party.client.expires_at);
}

Party read_party(const boost::json::object& object) {
  Party party;
  party.url = text_of(object, "url");
  party.issuer = text_of(object, "issuer");
  party.token_endpoint = text_of(object, "token_endpoint");
  party.resource = text_of(object, "resource");
  party.scope = text_of(object, "scope");
  party.redirect_uri = text_of(object, "redirect_uri");
  party.client = {text_of(object, "client_id"), text_of(object, "client_secret"), text_of(object, "client_auth"),
                  number_of(object, "client_expires_at")};
  return party;
}

}  // namespace

std::string write(const Pending& pending) {
  JsonWriter json;
  json.begin_object();
  write(json, pending.party);
  json.field("state", pending.state).field("verifier", pending.verifier).field("names_itself", pending.names_itself);
  json.field("expires_at", pending.expires_at).end_object();
  return std::move(json).take();
}

std::string write(const Connection& connection) {
  JsonWriter json;
  json.begin_object();
  write(json, connection.party);
  json.field("refresh_token", connection.refresh_token).field("renewed_at", connection.renewed_at);
  json.field("expires_at", connection.expires_at).end_object();
  return std::move(json).take();
}

std::optional<Pending> read_pending(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return std::nullopt;
  const auto* named = object->if_contains("names_itself");
  return Pending{read_party(*object), text_of(*object, "state"), text_of(*object, "verifier"),
                 named != nullptr && named->is_bool() && named->get_bool(), number_of(*object, "expires_at")};
}

std::optional<Connection> read_connection(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return std::nullopt;
  return Connection{read_party(*object), text_of(*object, "refresh_token"), number_of(*object, "renewed_at"),
                    number_of(*object, "expires_at")};
}

}  // namespace librebird::hands::oauth
