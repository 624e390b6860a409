#include <librebird/gateway/gateway.hpp>

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/gateway/mcp_api.hpp>
#include <librebird/gateway/openai_api.hpp>
#include <librebird/gateway/problem.hpp>

#include <algorithm>
#include <array>

#include "assets.hpp"
#include "housekeeping.hpp"
#include "metrics_text.hpp"
#include "routes.hpp"

namespace librebird::gateway {
namespace {

constexpr std::string_view kApi = "/api/v1";

// What a caller may call a request in our logs and answers.
bool good_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

// The trace id of a W3C traceparent ("00-<32 hex>-<16 hex>-<2 hex>"), or nothing.
std::string_view trace_id(const net::Request& request) {
  const std::string_view parent = request.header("traceparent").value_or("");
  if (parent.size() < 55 || parent[2] != '-' || parent[35] != '-') return "";
  const std::string_view id = parent.substr(3, 32);
  return id.find_first_not_of("0123456789abcdef") == std::string_view::npos ? id : "";
}

net::Response problem_response(const Error& error, std::string_view request_id, int status = 0) {
  if (status == 0) status = http_status(error.code);
  net::Response response{status,
                         {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}},
                         problem_json(error, request_id, status),
                         {}};
  if (const int seconds = retry_after_seconds(error))
    response.headers.emplace_back("Retry-After", std::to_string(seconds));
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

bool has_json_body(const net::Request& request) {
  if (request.body.empty()) return true;
  std::string type(request.header("content-type").value_or(""));
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::ranges::transform(type, type.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return type == "application/json";
}

bool comes_from_this_machine(const net::Request& request) {
  constexpr std::array<std::string_view, 4> kProxyHeaders{"forwarded", "x-forwarded-for", "x-real-ip", "via"};
  const bool proxied =
      std::ranges::any_of(kProxyHeaders, [&](std::string_view name) { return request.header(name).has_value(); });
  return !proxied && (request.remote_address.starts_with("127.") || request.remote_address == "::1");
}

bool is_upload(const net::Request& head) {
  if (!is_archive(head) || !head.path.starts_with(kApi)) return false;
  const Match match = match_route(head.method, std::string_view(head.path).substr(kApi.size()));
  return match.route != nullptr && match.route->takes == Takes::upload;
}

Task<Status> check_invitation(InvitationStore& invitations, std::string token_hash) {
  LB_CO_CHECK(co_await invitations.find(std::move(token_hash)));
  co_return Ok{};
}

Task<Status> accept_invitation(InvitationStore& invitations, std::string token_hash, std::string user_id) {
  LB_CO_CHECK(co_await invitations.accept(std::move(token_hash), std::move(user_id)));
  co_return Ok{};
}

// Signing up with an invitation uses it up.
AccountOptions with_invitations(AccountOptions options, InvitationStore& invitations) {
  InvitationGate gate;
  gate.check = [&invitations](std::string token_hash) { return check_invitation(invitations, std::move(token_hash)); };
  gate.accept = [&invitations](std::string token_hash, std::string user_id) {
    return accept_invitation(invitations, std::move(token_hash), std::move(user_id));
  };
  options.invitations = std::move(gate);
  return options;
}

}  // namespace

class Gateway::Impl {
 public:
  Impl(GatewayServices services, GatewayOptions options)
      : services_(services),
        options_(std::move(options)),
        authenticator_(services_.clock, services_.random, services_.credentials, options_.auth),
        hasher_(services_.random, options_.password_cost),
        accounts_(services_.loop, services_.clock, services_.random, services_.accounts, services_.audit,
                  services_.mailer, hasher_, with_invitations(options_.accounts, services_.invitations)),
        hub_(services_.clock),
        list_events_(services_.loop, services_.bus, services_.conversations),
        runner_(services_.loop, services_.clock, services_.ids, services_.turns, services_.brain, services_.bus, hub_,
                list_events_, options_.runner),
        intake_(services_.conversations, services_.turns, services_.bus, runner_, list_events_, options_.intake),
        presence_(services_.bus),
        ws_{intake_,         hub_,
            services_.bus,   services_.conversations,
            services_.turns, services_.messages,
            services_.hands, presence_,
            services_.clock, [this](Caller caller) { return admit_caller(std::move(caller)); }},
        api_(services_, authenticator_, accounts_, intake_, hub_, list_events_, sessions_, options_),
        openai_(services_.brain, services_.usage, services_.clock, services_.ids,
                {.limits = options_.intake.limits, .prices = options_.runner.prices}),
        mcp_(services_.hands, services_.ids, options_.version),
        housekeeping_({services_, authenticator_, sessions_, runner_, list_events_}) {
    net::ServerOptions server;
    server.problem = [this](const Error& error, int status) {
      return problem_response(error, services_.ids.next(), status);
    };
    server.streams_body = is_upload;
    server_ = std::make_unique<net::HttpServer>(services_.loop, std::move(server),
                                                [this](net::Exchange& exchange) { return handle(exchange); });
  }

  Task<Status> start() {
    LB_CO_CHECK(co_await runner_.start());
    housekeeping_.start();
    ready_ = true;
    co_return Ok{};
  }

  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port) {
    return server_->listen(address, port);
  }

  Task<void> stop(Millis drain) {
    ready_ = false;
    co_await runner_.stop(drain);
    co_await server_->stop(Millis(2'000));
    co_await housekeeping_.stop();
    co_await list_events_.stop();
    co_await accounts_.stop();
  }

 private:
  Task<std::optional<net::Response>> handle(net::Exchange& exchange) {
    static metrics::Histogram& duration = metrics::histogram("librebird_http_request_duration_seconds",
                                                             "HTTP requests, from their head to their answer.");
    const SteadyTime begun = services_.clock.steady_now();
    const net::Request& request = exchange.request();
    const std::string_view given_id = request.header("x-request-id").value_or("");
    const std::string request_id = good_request_id(given_id) ? std::string(given_id) : services_.ids.next();
    // Taken now: a streamed or upgraded exchange may be gone afterwards.
    const std::string method = request.method;
    const std::string path = request.path;
    const std::string trace(trace_id(request));
    std::optional<net::Response> response = co_await dispatch(exchange, request_id);
    if (response) response->headers.emplace_back("X-Request-Id", request_id);
    const auto elapsed = services_.clock.steady_now() - begun;
    duration.observe(std::chrono::duration<double>(elapsed).count());
    log::write(response && response->status >= 500 ? log::Level::warn : log::Level::info, "request",
               {{"request_id", request_id},
                {"trace_id", trace},
                {"method", method},
                {"path", path},
                {"status", response ? response->status : 0},
                {"ms", std::chrono::duration<double, std::milli>(elapsed).count()}});
    co_return response;
  }

  Task<std::optional<net::Response>> dispatch(net::Exchange& exchange, const std::string& request_id) {
    const net::Request& request = exchange.request();
    const bool read = request.method == "GET" || request.method == "HEAD";
    if (!read && (request.path == "/healthz" || request.path == "/readyz" || request.path == "/metrics")) {
      co_return read_only(request_id);
    }
    if (request.path == "/healthz") co_return json_response(200, R"({"status":"ok"})");
    if (request.path == "/readyz") co_return readiness(request_id);
    if (const Status host = authenticator_.check_host(request); !host) {
      co_return problem_response(host.error(), request_id, 421);
    }
    if (const Status admitted = co_await admit_address(exchange); !admitted) {
      co_return problem_response(admitted.error(), request_id);
    }
    if (request.path == kMetricsDoor.path) co_return co_await serve_metrics(exchange, request_id);
    if (request.path == kSocketDoor.path) co_return co_await serve_socket(exchange, request_id);
    if (request.path.starts_with(kCompatibleDoor.path)) co_return co_await serve_openai(exchange);
    if (request.path == kMcpDoor.path) co_return co_await serve_mcp(exchange);
    const bool document = request.path == "/api/openapi.json" || request.path == "/api/skill.schema.json";
    if (!document && (request.path == "/api" || request.path.starts_with("/api/"))) {
      co_return co_await serve_api(exchange, request_id);
    }
    if (!read) co_return read_only(request_id);
    if (auto asset = serve_asset(request)) co_return asset;
    co_return problem_response(make_error(Code::not_found, "There is no such page or file."), request_id);
  }

  // Where requests are counted: by address before it is known who asks (sign-in included), then by who asks.
  Task<Status> admit_address(net::Exchange& exchange) {
    const std::string address = authenticator_.address_of(exchange.request());
    if (address.starts_with("127.") || address == "::1") co_return Ok{};
    const int limit = options_.rates.of_address;
    std::vector<RateBucket> buckets{{"address:" + policy::address_block(address), limit, limit}};
    co_return co_await services_.rates.take(std::move(buckets));
  }
  Task<Status> admit_caller(Caller caller) {
    const RateOptions& rates = options_.rates;
    std::vector<RateBucket> buckets{
        {"user:" + caller.principal.user_id, rates.of_user, rates.of_user},
        {"credential:" + caller.principal.credential_id, rates.of_credential, rates.of_credential}};
    co_return co_await services_.rates.take(std::move(buckets));
  }
  Task<Result<Caller>> admit(net::Exchange& exchange) {
    LB_CO_TRY(caller, co_await authenticator_.authenticate(exchange.request()));
    LB_CO_CHECK(co_await admit_caller(caller));
    co_return caller;
  }

  static net::Response read_only(const std::string& request_id) {
    net::Response response = problem_response(
        make_error(Code::invalid_argument, "Only GET and HEAD are answered here; the API is below /api/v1."),
        request_id, 405);
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }

  net::Response readiness(const std::string& request_id) const {
    if (ready_) return json_response(200, R"({"status":"ready"})");
    return problem_response(make_error(Code::unavailable, "Starting or stopping; try again in a moment."), request_id);
  }

  Task<std::optional<net::Response>> serve_metrics(net::Exchange& exchange, const std::string& request_id) {
    if (!comes_from_this_machine(exchange.request())) {
      const auto caller = co_await admit(exchange);
      if (!caller) co_return problem_response(caller.error(), request_id);
      if (const Status may = policy::require(caller->principal, kMetricsDoor.permission); !may) {
        co_return problem_response(may.error(), request_id);
      }
      // Everybody may own a workspace; the figures are about all of them.
      const auto operating = co_await services_.identities.ensure_owner();
      if (!operating) co_return problem_response(operating.error(), request_id);
      if (operating->workspace_id != caller->principal.workspace_id) {
        co_return problem_response(
            make_error(Code::permission_denied,
                       "Metrics are for the owner of this server's first workspace: use a key made there, or ask from "
                       "the machine itself."),
            request_id);
      }
    }
    metrics::gauge("librebird_websockets", "Open WebSocket connections.")
        .set(static_cast<std::int64_t>(sessions_.size()));
    metrics::gauge("librebird_turns_waiting", "Turns accepted and not yet begun.")
        .set(static_cast<std::int64_t>(runner_.waiting()));
    co_return net::Response{200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, metrics_text(), {}};
  }

  Task<std::optional<net::Response>> serve_socket(net::Exchange& exchange, const std::string& request_id) {
    if (!exchange.request().upgrade) {
      net::Response response = problem_response(
          make_error(Code::invalid_argument, "This is a WebSocket endpoint; send a WebSocket handshake (RFC 6455)."),
          request_id, 426);
      response.headers.emplace_back("Upgrade", "websocket");
      co_return response;
    }
    auto caller = co_await admit(exchange);
    if (!caller) co_return problem_response(caller.error(), request_id);
    if (const Status may = policy::require(caller->principal, kSocketDoor.permission); !may) {
      co_return problem_response(may.error(), request_id);
    }
    auto socket = co_await exchange.upgrade({{"X-Request-Id", request_id}});
    if (!socket) co_return std::nullopt;  // gone before the handshake was done
    co_await run_session(std::move(*caller), services_.ids.next(), **socket);
    co_return std::nullopt;
  }

  Task<void> run_session(Caller caller, std::string id, net::WebSocket& socket) {
    WsSession session(ws_, std::move(caller), std::move(id), socket);
    sessions_.add(session);
    // What was said of this member before the session could hear it.
    const Principal& who = session.caller().principal;
    if (!who.workspace_id.empty()) {
      const auto role = co_await services_.workspaces.role_of(who.user_id, who.workspace_id);
      if (role && *role != who.role) session.reconnect();
    }
    co_await session.run();
    sessions_.remove(session);
  }

  Task<std::optional<net::Response>> serve_openai(net::Exchange& exchange) {
    const auto caller = co_await admit(exchange);
    if (!caller) co_return OpenAiApi::error_response(caller.error());
    if (const Status may = policy::require(caller->principal, kCompatibleDoor.permission); !may) {
      co_return OpenAiApi::error_response(may.error());
    }
    if (!has_json_body(exchange.request())) {
      co_return OpenAiApi::error_response(make_error(Code::invalid_argument, "Send Content-Type: application/json."));
    }
    // What a key is for was asked at the door; what a turn then does follows the role, here as in a conversation.
    Principal principal = caller->principal;
    principal.scopes = ScopeSet::all();
    co_return co_await openai_.handle(exchange, std::move(principal));
  }

  Task<std::optional<net::Response>> serve_mcp(net::Exchange& exchange) {
    // Programs send no Origin; a page of another site is refused whatever it carries.
    if (const Status origin = authenticator_.check_origin(exchange.request(), false); !origin) {
      co_return McpApi::refusal(origin.error());
    }
    const auto caller = co_await admit(exchange);
    if (!caller) co_return McpApi::refusal(caller.error());
    if (const Status may = policy::require(caller->principal, kMcpDoor.permission); !may) {
      co_return McpApi::refusal(may.error());
    }
    if (!has_json_body(exchange.request())) {
      net::Response response =
          McpApi::refusal(make_error(Code::invalid_argument, "Send Content-Type: application/json."));
      response.status = 415;
      co_return response;
    }
    co_return co_await mcp_.handle(exchange, caller->principal);
  }

  Task<std::optional<net::Response>> serve_api(net::Exchange& exchange, const std::string& request_id) {
    const net::Request& request = exchange.request();
    const bool ours = request.path.starts_with(kApi);
    Match match = ours ? match_route(request.method, std::string_view(request.path).substr(kApi.size())) : Match{};
    if (match.route == nullptr || !is_open(*match.route)) {
      auto caller = co_await admit(exchange);
      if (!caller) co_return problem_response(caller.error(), request_id);
      if (match.route == nullptr) co_return no_route(match, request_id);
      Call call{exchange, std::move(*caller), request_id, std::move(match.parameters)};
      co_return co_await call_route(*match.route, call);
    }
    Call call{exchange, Caller{}, request_id, std::move(match.parameters)};
    co_return co_await call_route(*match.route, call);
  }

  static net::Response no_route(const Match& match, const std::string& request_id) {
    if (match.allowed.empty()) {
      return problem_response(make_error(Code::not_found, "There is no such endpoint; see /api/openapi.json."),
                              request_id);
    }
    std::string allowed;
    for (const std::string_view method : match.allowed) {
      if (!allowed.empty()) allowed += ", ";
      allowed += method;
    }
    net::Response response =
        problem_response(make_error(Code::invalid_argument, "This endpoint takes " + allowed + "."), request_id, 405);
    response.headers.emplace_back("Allow", allowed);
    return response;
  }

  Task<std::optional<net::Response>> call_route(const Route& route, Call& call) {
    if (!has_json_body(call.request()) && !(route.takes != Takes::json && is_archive(call.request()))) {
      co_return problem_response(make_error(Code::invalid_argument, "Send the body as Content-Type: application/json."),
                                 call.request_id, 415);
    }
    if (!is_open(route)) {
      if (const Status may = policy::require(call.caller.principal, route.permission); !may) {
        co_return problem_response(may.error(), call.request_id);
      }
    }
    Answer answer = co_await (api_.*route.handler)(call);
    if (!answer) co_return problem_response(answer.error(), call.request_id);
    co_return std::move(*answer);
  }

  GatewayServices services_;
  GatewayOptions options_;
  Authenticator authenticator_;
  PasswordHasher hasher_;
  Accounts accounts_;
  TurnHub hub_;
  ListEvents list_events_;
  TurnRunner runner_;
  Intake intake_;
  SessionRegistry sessions_;
  Presence presence_;
  WsServices ws_;
  Api api_;
  OpenAiApi openai_;
  McpApi mcp_;
  std::unique_ptr<net::HttpServer> server_;
  Housekeeping housekeeping_;
  bool ready_ = false;
};

Gateway::Gateway(GatewayServices services, GatewayOptions options)
    : impl_(std::make_unique<Impl>(services, std::move(options))) {}
Gateway::~Gateway() = default;
Task<Status> Gateway::start() { return impl_->start(); }
Result<std::uint16_t> Gateway::listen(const std::string& address, std::uint16_t port) {
  return impl_->listen(address, port);
}
Task<void> Gateway::stop(Millis drain) { return impl_->stop(drain); }

}  // namespace librebird::gateway
