// The skills of the workspace. Rights are checked where the skills are kept.
#include <librebird/base/json_writer.hpp>
#include <librebird/core/manifest/skill_view.hpp>
#include <librebird/gateway/body.hpp>

#include <algorithm>
#include <array>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::array<std::string_view, 5> kArchiveTypes{"application/zip", "application/gzip", "application/x-gzip",
                                                        "application/x-xz", "application/x-tar"};

Result<SkillService*> skills_of(HandsService& hands) {
  if (SkillService* skills = hands.skills()) return skills;
  return make_error(Code::unavailable, "The hands of this server keep no skills.");
}

std::string view_of(const SkillInfo& skill) {
  JsonWriter json;
  manifest::write(json, skill);
  return std::move(json).take();
}

// Where the browser comes back to (web/src/features/settings/connect_page.tsx).
constexpr std::string_view kConnectPage = "/connect";

Answer answer(const Result<SkillConnection>& connection) {
  if (!connection) return connection.error();
  JsonWriter json;
  manifest::write(json, *connection);
  return std::optional<net::Response>(json_response(200, std::move(json).take()));
}

Answer answer(const Result<SkillInfo>& skill, int status = 200) {
  if (!skill) return skill.error();
  return std::optional<net::Response>(json_response(status, view_of(*skill)));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

// An archive's bytes, or a JSON object that names a repository.
Result<SkillSource> read_source(const net::Request& request) {
  SkillSource source;
  if (is_archive(request)) {
    if (request.body.empty()) return make_error(Code::invalid_argument, "The body is empty; send the archive's bytes.");
    source.archive = request.body;
    source.archive_name = request.query_value("name").value_or("");
    source.inner_path = request.query_value("path").value_or("");
    source.granted = split(request.query_value("permissions").value_or(""));
    return source;
  }
  LB_TRY(body, Body::parse(request.body));
  LB_TRY(url, body.optional_text("git_url", 500));
  LB_TRY(ref, body.optional_text("git_ref", 200));
  LB_TRY(path, body.optional_text("path", 1000));
  LB_TRY(permissions, body.texts("permissions", 64, 300));
  LB_CHECK(body.done());
  source.git_url = url.value_or("");
  source.git_ref = ref.value_or("");
  source.inner_path = path.value_or("");
  source.granted = std::move(permissions);
  return source;
}

}  // namespace

bool is_archive(const net::Request& request) {
  const std::string_view type = request.header("content-type").value_or("");
  return std::ranges::find(kArchiveTypes, type.substr(0, type.find(';'))) != kArchiveTypes.end();
}

Task<Answer> Api::list_skills(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(all, co_await skills->list_skills(call.caller.principal));
  JsonWriter json;
  json.begin_object().key("items").begin_array();
  for (const SkillInfo& skill : all) manifest::write(json, skill);
  json.end_array().end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::get_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  co_return answer(co_await skills->get_skill(call.caller.principal, call.parameters[0]));
}

Task<Answer> Api::install_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(source, read_source(call.request()));
  co_return answer(co_await skills->install_skill(call.caller.principal, std::move(source), call.exchange.stop()), 201);
}

Task<Answer> Api::update_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(source, read_source(call.request()));
  co_return answer(co_await skills->update_skill(call.caller.principal, call.parameters[0], std::move(source),
                                                 call.exchange.stop()));
}

Task<Answer> Api::change_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(enabled, body.optional_flag("enabled"));
  LB_CO_TRY(pinned, body.optional_flag("pinned"));
  LB_CO_CHECK(body.done());
  co_return answer(co_await skills->change_skill(call.caller.principal, call.parameters[0], enabled, pinned));
}

Task<Answer> Api::rollback_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(hash, body.optional_text("hash", 64));
  LB_CO_CHECK(body.done());
  co_return answer(co_await skills->rollback_skill(call.caller.principal, call.parameters[0], hash.value_or("")));
}

Task<Answer> Api::remove_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_CHECK(co_await skills->remove_skill(call.caller.principal, call.parameters[0]));
  co_return net::Response{204, {}, {}, {}};
}

Task<Answer> Api::set_skill_setting(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(value, body.optional_json("value"));
  LB_CO_CHECK(body.done());
  if (!value) co_return make_error(Code::invalid_argument, "`value` must be given; DELETE unsets a setting.");
  co_return answer(co_await skills->set_skill_setting(call.caller.principal, call.parameters[0], call.parameters[1],
                                                      std::move(value)));
}

Task<Answer> Api::connect_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(url, co_await skills->connect_skill(call.caller.principal, call.parameters[0],
                                                public_url(call) + std::string(kConnectPage), call.exchange.stop()));
  JsonWriter json;
  json.begin_object().field("authorization_url", url).end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::get_skill_connection(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  co_return answer(co_await skills->get_connection(call.caller.principal, call.parameters[0]));
}

Task<Answer> Api::finish_skill_connection(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(state, body.text("state", 200));
  LB_CO_TRY(code, body.text("code", 4096));
  LB_CO_TRY(issuer, body.optional_text("iss", 2000));
  LB_CO_CHECK(body.done());
  ConnectionAnswer brought{std::move(state), std::move(code), issuer.value_or("")};
  auto made = co_await skills->finish_connection(call.caller.principal, std::move(brought), call.exchange.stop());
  // Signed in the person is: it is what they brought that is not good.
  if (!made && made.error().code == Code::unauthenticated) {
    co_return make_error(Code::failed_precondition, made.error().message);
  }
  co_return answer(made);
}

Task<Answer> Api::disconnect_skill(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  LB_CO_CHECK(co_await skills->disconnect_skill(call.caller.principal, call.parameters[0]));
  co_return net::Response{204, {}, {}, {}};
}

Task<Answer> Api::unset_skill_setting(Call& call) {
  LB_CO_TRY(skills, skills_of(services_.hands));
  co_return answer(
      co_await skills->set_skill_setting(call.caller.principal, call.parameters[0], call.parameters[1], std::nullopt));
}

}  // namespace librebird::gateway
