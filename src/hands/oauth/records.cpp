#include "records.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

namespace librebird::hands::oauth {
namespace {

void write(JsonWriter& json, const Party& party) {
  json.field("url", party.url).field("issuer", party.issuer).field("token_endpoint", party.token_endpoint);
  json.field("revocation_endpoint", party.revocation_endpoint);
  json.field("resource", party.resource).field("scope", party.scope).field("redirect_uri", party.redirect_uri);
  json.field("client_id", party.client.id).field("client_secret", party.client.secret);
  json.field("client_auth", party.client.auth_method).field("client_expires_at", party.client.expires_at);
}

Party read_party(const boost::json::object& object) {
  Party party;
  party.url = net::text_at(object, "url");
  party.issuer = net::text_at(object, "issuer");
  party.token_endpoint = net::text_at(object, "token_endpoint");
  party.revocation_endpoint = net::text_at(object, "revocation_endpoint");
  party.resource = net::text_at(object, "resource");
  party.scope = net::text_at(object, "scope");
  party.redirect_uri = net::text_at(object, "redirect_uri");
  party.client = {net::text_at(object, "client_id"), net::text_at(object, "client_secret"),
                  net::text_at(object, "client_auth"), net::integer_at(object, "client_expires_at").value_or(0)};
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
  json.field("expires_at", connection.expires_at).field("claimed_until", connection.claimed_until);
  json.field("wanted_scope", connection.wanted_scope);
  json.field("described_at", connection.described_at).end_object();
  return std::move(json).take();
}

std::optional<Pending> read_pending(std::string_view text) {
  const auto object = net::parse_object(text);
  if (!object) return std::nullopt;
  return Pending{read_party(*object), net::text_at(*object, "state"), net::text_at(*object, "verifier"),
                 net::flag_at(*object, "names_itself"), net::integer_at(*object, "expires_at").value_or(0)};
}

std::optional<Connection> read_connection(std::string_view text) {
  const auto object = net::parse_object(text);
  if (!object) return std::nullopt;
  return Connection{read_party(*object),
                    net::text_at(*object, "refresh_token"),
                    net::integer_at(*object, "renewed_at").value_or(0),
                    net::integer_at(*object, "expires_at").value_or(0),
                    net::integer_at(*object, "claimed_until").value_or(0),
                    net::text_at(*object, "wanted_scope"),
                    net::text_at(*object, "described_at")};
}

}  // namespace librebird::hands::oauth
