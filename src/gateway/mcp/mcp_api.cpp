#include <librebird/gateway/mcp_api.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/gateway/problem.hpp>

#include <deque>

namespace librebird::gateway {
namespace {

// Notifications waiting for a slow reader; more are left out, which the protocol allows for progress.
constexpr std::size_t kPendingLimit = 256;

net::Response json_answer(int status, std::string body) {
  if (body.empty()) return {status, {}, {}, {}};
  return {status, {{"Content-Type", "application/json"}}, std::move(body), {}};
}

std::string event(std::string_view data) {
  std::string text = "event: message\ndata: ";
  return text.append(data).append("\n\n");
}

// What the headers must repeat of the message (2026-07-28), or nothing that contradicts it.
std::optional<net::Response> check_headers(const net::Request& request, const McpMessage& message) {
  const auto mismatch = [&message](std::string_view what) {
    return json_answer(400, mcp_error(message.id_json, McpErrorCode::header_mismatch, what));
  };
  const auto version = request.header("mcp-protocol-version");
  if (!is_stateless(message)) {
    if (!version || is_older_mcp_revision(*version)) return std::nullopt;
    return json_answer(400, mcp_error(message.id_json, McpErrorCode::invalid_params,
                                      "This protocol version needs params._meta with "
                                      "io.modelcontextprotocol/protocolVersion in every message."));
  }
  if (!version) return mismatch("The header MCP-Protocol-Version is missing.");
  if (message.meta_version && *version != *message.meta_version) {
    return mismatch("The header MCP-Protocol-Version differs from params._meta.");
  }
  if (!message.meta_version || *message.meta_version != kMcpRevision) return std::nullopt;  // the server says why
  if (request.header("mcp-method").value_or("") != message.method) {
    return mismatch("The header Mcp-Method must be there and name the method of the message.");
  }
  if (message.method == "tools/call" && request.header("mcp-name").value_or("") != message.name) {
    return mismatch("The header Mcp-Name must be there and name the tool of the message.");
  }
  return std::nullopt;
}

// What is told while a call runs, and its end.
struct Told {
  explicit Told(Executor executor) : changed(executor) {}
  std::deque<std::string> notifications;
  std::optional<McpAnswer> answer;
  Signal changed;
};

Task<void> run(McpServer& server, Principal principal, McpMessage message, Told& told, std::stop_token stop) {
  const McpServer::Notify notify = [&told](std::string text) {
    if (told.notifications.size() < kPendingLimit) told.notifications.push_back(std::move(text));
    told.changed.notify_all();
  };
  told.answer = co_await server.answer(std::move(principal), std::move(message), notify, stop);
  told.changed.notify_all();
}

}  // namespace

McpApi::McpApi(HandsService& hands, IdGenerator& ids, std::string version) : server_(hands, ids, std::move(version)) {}

net::Response McpApi::refusal(const Error& error) {
  net::Response response =
      json_answer(http_status(error.code), mcp_error({}, McpErrorCode::server_error, error.message));
  if (error.code == Code::unauthenticated) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Task<std::optional<net::Response>> McpApi::handle(net::Exchange& exchange, Principal principal) {
  const net::Request& request = exchange.request();
  if (request.method != "POST") {
    net::Response response =
        refusal(make_error(Code::invalid_argument, "Send each message as a POST; there are no sessions here."));
    response.status = 405;
    response.headers.emplace_back("Allow", "POST");
    co_return response;
  }
  auto message = McpMessage::parse(request.body);
  if (!message) {
    const bool json = message.error().code != Code::invalid_argument;
    co_return json_answer(
        400, mcp_error({}, json ? McpErrorCode::invalid_request : McpErrorCode::parse_error, message.error().message));
  }
  if (!message->method.empty()) {
    if (auto wrong = check_headers(request, *message)) co_return wrong;
  }
  const bool streams = request.header("accept").value_or("").find("text/event-stream") != std::string_view::npos;
  if (streams && message->method == "tools/call" && !message->progress_token_json.empty()) {
    co_return co_await stream(exchange, std::move(principal), std::move(*message));
  }
  McpAnswer answer = co_await server_.answer(std::move(principal), std::move(*message), nullptr, exchange.stop());
  co_return json_answer(answer.http_status, std::move(answer.body));
}

Task<std::optional<net::Response>> McpApi::stream(net::Exchange& exchange, Principal principal, McpMessage message) {
  const Executor executor = co_await boost::asio::this_coro::executor;
  // Closing the stream is how a client cancels.
  std::stop_source stop;
  const auto request_stop = [&stop] { stop.request_stop(); };
  const std::stop_callback on_gone(exchange.stop(), request_stop);
  Told told(executor);
  Scope scope(executor);
  scope.spawn(run(server_, std::move(principal), std::move(message), told, stop.get_token()), "mcp call");
  // A refusal before the first word keeps its status.
  while (told.notifications.empty() && !told.answer) co_await told.changed.wait();
  if (told.answer && (told.notifications.empty() || told.answer->http_status != 200)) {
    co_await scope.join();
    co_return json_answer(told.answer->http_status, std::move(told.answer->body));
  }
  auto writer = co_await exchange.stream(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
  if (!writer) stop.request_stop();
  for (;;) {
    while (told.notifications.empty() && !told.answer) co_await told.changed.wait();
    std::string text;
    for (const std::string& notification : told.notifications) text += event(notification);
    told.notifications.clear();
    const bool last = told.answer.has_value();
    if (last) text += event(told.answer->body);
    if (writer && !(co_await (*writer)->write(std::move(text)))) stop.request_stop();
    if (last) break;
  }
  co_await scope.join();
  co_return std::nullopt;
}

}  // namespace librebird::gateway
