#include "engine.hpp"

#include "http_response.hpp"

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace librebird::docker {
namespace {

namespace json = boost::json;

constexpr const char* kApi = "/v1.41";
// Podman's own API, for what its Docker one does not tell.
constexpr const char* kPodmanApi = "/v4.0.0/libpod";
constexpr Millis kShort{10'000};
constexpr Millis kLong{30'000};  // what makes the engine start programs of its own, on a busy machine
constexpr std::size_t kMaxSaid = 400;

Result<json::value> parse(std::string_view body) {
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code failure;
  json::value value = json::parse(body, failure, {}, options);
  if (!failure) return value;
  return make_error(Code::data_loss, "The container engine's answer is not JSON.");
}

const json::value* find(const json::value& value, std::string_view key) {
  const json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

std::string text_of(const json::value& value, std::string_view key) {
  const json::value* found = find(value, key);
  const json::string* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

bool flag_of(const json::value& value, std::string_view key) {
  const json::value* found = find(value, key);
  return found != nullptr && found->is_bool() && found->get_bool();
}

std::vector<std::string> texts_of(const json::value& value, std::string_view key) {
  std::vector<std::string> out;
  const json::value* found = find(value, key);
  if (found == nullptr || !found->is_array()) return out;
  for (const json::value& item : found->get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

// The engine's own words, bounded and on one line.
std::string said(std::string_view body) {
  std::string words(body);
  if (const auto parsed = parse(body)) {
    const std::string message = text_of(*parsed, "message");
    if (!message.empty()) words = message;
  }
  if (words.size() > kMaxSaid) words.resize(kMaxSaid);
  for (char& c : words) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  while (words.ends_with(' ')) words.pop_back();
  return words.empty() ? "nothing" : words;
}

Error refusal(int status, std::string_view body) {
  Code code = status >= 500 ? Code::internal : Code::failed_precondition;
  if (status == 404) code = Code::not_found;
  if (status == 409) code = Code::already_exists;
  return make_error(code, fmt::format("The container engine refused with {}: {}", status, said(body)));
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '/' || c == ':' || c == '@';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string head_of(std::string_view method, std::string_view target, std::size_t body, std::string_view type,
                    bool upgrade) {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: librebird\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n",
      method, target, type, body, upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "Connection: close\r\n");
}

Task<Status> read_answer(UnixConnection& connection, HttpResponseParser& parser, SteadyTime deadline,
                         std::stop_token stop) {
  while (!parser.done()) {
    LB_CO_TRY(bytes, co_await connection.read(deadline, stop));
    if (bytes.empty()) {
      LB_CO_CHECK(parser.end());
    } else {
      LB_CO_CHECK(parser.feed(bytes));
    }
  }
  co_return Ok{};
}

}  // namespace

Engine::Engine(Executor executor, std::string socket) : executor_(executor), socket_(std::move(socket)) {}

Task<Result<Engine::Answer>> Engine::ask(std::string method, std::string target, std::string body, Millis limit,
                                         std::stop_token stop) {
  const SteadyTime deadline = in(limit);
  UnixConnection connection(executor_);
  LB_CO_CHECK(co_await connection.connect(socket_, deadline, stop));
  const std::string_view type = body.empty() || body.front() == '{' ? "application/json" : "application/x-tar";
  std::string request = head_of(method, target, body.size(), type, false) + body;
  LB_CO_CHECK(co_await connection.write(std::move(request), deadline, stop));
  HttpResponseParser parser;
  LB_CO_CHECK(co_await read_answer(connection, parser, deadline, stop));
  co_return Answer{parser.status(), std::move(parser.body())};
}

Task<Result<EngineFacts>> Engine::facts(std::stop_token stop) {
  LB_CO_TRY(version, co_await ask("GET", fmt::format("{}/version", kApi), {}, kLong, stop));
  if (version.status != 200) co_return refusal(version.status, version.body);
  LB_CO_TRY(about, parse(version.body));
  LB_CO_TRY(info, co_await ask("GET", fmt::format("{}/info", kApi), {}, kLong, stop));
  if (info.status != 200) co_return refusal(info.status, info.body);
  LB_CO_TRY(said, parse(info.body));

  EngineFacts facts;
  facts.version = text_of(about, "Version");
  if (const json::value* parts = find(about, "Components"); parts != nullptr && parts->is_array()) {
    for (const json::value& part : parts->get_array()) facts.podman |= text_of(part, "Name") == "Podman Engine";
  }
  facts.rootless = flag_of(said, "Rootless");
  for (const std::string& option : texts_of(said, "SecurityOptions")) facts.rootless |= option == "name=rootless";
  facts.limits_memory = flag_of(said, "MemoryLimit");
  facts.limits_processor = flag_of(said, "CpuCfsQuota");
  facts.limits_processes = flag_of(said, "PidsLimit");
  facts.default_runtime = text_of(said, "DefaultRuntime");
  if (const json::value* all = find(said, "Runtimes"); all != nullptr && all->is_object()) {
    for (const auto& entry : all->get_object()) facts.runtimes.emplace_back(entry.key());
  }
  co_return facts;
}

Task<Result<ImageFacts>> Engine::image(std::string name, std::stop_token stop) {
  LB_CO_TRY(answer, co_await ask("GET", fmt::format("{}/images/{}/json", kApi, encoded(name)), {}, kShort, stop));
  if (answer.status != 200) co_return refusal(answer.status, answer.body);
  LB_CO_TRY(said, parse(answer.body));
  ImageFacts facts;
  facts.id = text_of(said, "Id");
  if (const json::value* config = find(said, "Config")) {
    facts.command = texts_of(*config, "Entrypoint");
    for (std::string& word : texts_of(*config, "Cmd")) facts.command.push_back(std::move(word));
    facts.work_directory = text_of(*config, "WorkingDir");
    const json::value* volumes = find(*config, "Volumes");
    facts.has_volumes = volumes != nullptr && volumes->is_object() && !volumes->get_object().empty();
  }
  co_return facts;
}

Task<Status> Engine::import_image(std::string name, std::string tag, std::string tar, std::stop_token stop) {
  const std::string target =
      fmt::format("{}/images/create?fromSrc=-&repo={}&tag={}", kApi, encoded(name), encoded(tag));
  LB_CO_TRY(answer, co_await ask("POST", target, std::move(tar), kLong, stop));
  if (answer.status != 200) co_return refusal(answer.status, answer.body);
  // Podman 4.3 leaves the tag out: it is said again, by the id in the last line of the answer.
  const std::string_view lines = std::string_view(answer.body).substr(0, answer.body.find_last_not_of("\r\n ") + 1);
  LB_CO_TRY(last, parse(lines.substr(lines.rfind('\n') + 1)));
  std::string id = text_of(last, "id");
  if (id.empty()) id = text_of(last, "status");
  if (!id.starts_with("sha256:")) co_return Ok{};
  LB_CO_TRY(tagged,
            co_await ask("POST",
                         fmt::format("{}/images/{}/tag?repo={}&tag={}", kApi, encoded(id), encoded(name), encoded(tag)),
                         {}, kShort, stop));
  if (tagged.status != 201) co_return refusal(tagged.status, tagged.body);
  co_return Ok{};
}

Task<Result<std::string>> Engine::create(std::string body_json, std::stop_token stop) {
  LB_CO_TRY(answer, co_await ask("POST", fmt::format("{}/containers/create", kApi), std::move(body_json), kLong, stop));
  if (answer.status != 201) co_return refusal(answer.status, answer.body);
  LB_CO_TRY(said, parse(answer.body));
  std::string id = text_of(said, "Id");
  if (id.empty()) co_return make_error(Code::data_loss, "The container engine gave its container no id.");
  co_return id;
}

Task<Result<std::unique_ptr<Engine::Attached>>> Engine::attach(std::string id, std::stop_token stop) {
  const SteadyTime deadline = in(kLong);
  UnixConnection connection(executor_);
  LB_CO_CHECK(co_await connection.connect(socket_, deadline, stop));
  const std::string target =
      fmt::format("{}/containers/{}/attach?stream=1&stdin=1&stdout=1&stderr=1", kApi, encoded(id));
  LB_CO_CHECK(co_await connection.write(head_of("POST", target, 0, "application/json", true), deadline, stop));
  HttpResponseParser parser;
  LB_CO_CHECK(co_await read_answer(connection, parser, deadline, stop));
  if (!parser.is_stream()) co_return refusal(parser.status(), parser.body());
  co_return std::make_unique<Attached>(Attached{std::move(connection), std::move(parser.rest())});
}

Task<Status> Engine::start(std::string id, std::stop_token stop) {
  LB_CO_TRY(answer, co_await ask("POST", fmt::format("{}/containers/{}/start", kApi, encoded(id)), {}, kLong, stop));
  if (answer.status != 204) co_return refusal(answer.status, answer.body);
  co_return Ok{};
}

Task<Result<std::string>> Engine::runtime_of(std::string id, bool podman, std::stop_token stop) {
  const std::string target = fmt::format("{}/containers/{}/json", podman ? kPodmanApi : kApi, encoded(id));
  LB_CO_TRY(answer, co_await ask("GET", target, {}, kShort, stop));
  if (answer.status != 200) co_return refusal(answer.status, answer.body);
  LB_CO_TRY(said, parse(answer.body));
  if (podman) co_return text_of(said, "OCIRuntime");
  const json::value* host = find(said, "HostConfig");
  co_return host == nullptr ? std::string() : text_of(*host, "Runtime");
}

Task<Status> Engine::kill(std::string id) {
  LB_CO_TRY(answer,
            co_await ask("POST", fmt::format("{}/containers/{}/kill?signal=KILL", kApi, encoded(id)), {}, kShort, {}));
  // 404: removed; 409: not running.
  if (answer.status == 204 || answer.status == 404 || answer.status == 409) co_return Ok{};
  co_return refusal(answer.status, answer.body);
}

Task<Status> Engine::remove(std::string id) {
  LB_CO_TRY(answer,
            co_await ask("DELETE", fmt::format("{}/containers/{}?force=1&v=1", kApi, encoded(id)), {}, kLong, {}));
  // 409: it is being removed already.
  if (answer.status == 204 || answer.status == 200 || answer.status == 404 || answer.status == 409) co_return Ok{};
  co_return refusal(answer.status, answer.body);
}

Task<Result<std::vector<ContainerFacts>>> Engine::list(std::string label) {
  const std::string filters = fmt::format(R"({{"label":["{}"]}})", label);
  LB_CO_TRY(answer, co_await ask("GET", fmt::format("{}/containers/json?all=1&filters={}", kApi, encoded(filters)), {},
                                 kShort, {}));
  if (answer.status != 200) co_return refusal(answer.status, answer.body);
  LB_CO_TRY(said, parse(answer.body));
  std::vector<ContainerFacts> containers;
  if (!said.is_array()) co_return containers;
  for (const json::value& item : said.get_array()) {
    ContainerFacts facts;
    facts.id = text_of(item, "Id");
    facts.running = text_of(item, "State") == "running";
    if (const json::value* labels = find(item, "Labels")) facts.owner = text_of(*labels, label);
    if (!facts.id.empty()) containers.push_back(std::move(facts));
  }
  co_return containers;
}

}  // namespace librebird::docker
