#include <librebird/gateway/body.hpp>
#include <librebird/gateway/views.hpp>

#include <fmt/format.h>
#include <charconv>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::size_t kTitleLimit = 200;

}  // namespace

Result<int> query_integer(const net::Request& request, std::string_view name, int fallback, int least, int most) {
  const auto text = request.query_value(name);
  if (!text) return fallback;
  int value = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failure != std::errc() || end != text->data() + text->size() || value < least || value > most) {
    return make_error(Code::invalid_argument,
                      fmt::format("`{}` must be a whole number from {} to {}.", name, least, most));
  }
  return value;
}

Task<Answer> Api::list_conversations(Call& call) {
  ConversationFilter filter;
  LB_CO_TRY(limit, query_integer(call.request(), "limit", 50, 1, 200));
  filter.limit = limit;
  filter.cursor = call.request().query_value("cursor").value_or("");
  filter.query = call.request().query_value("q").value_or("");
  const std::string archived = call.request().query_value("archived").value_or("false");
  if (archived != "true" && archived != "false") {
    co_return make_error(Code::invalid_argument, "`archived` must be true or false.");
  }
  filter.archived = archived == "true";
  LB_CO_TRY(page, co_await services_.conversations.list(call.caller.principal, std::move(filter)));
  JsonWriter json;
  json.begin_object();
  write_items(json, page.items);
  json.field("next_cursor", page.next).end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::create_conversation(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(title, body.optional_text("title", kTitleLimit));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(conversation, co_await services_.conversations.create(call.caller.principal, title.value_or("")));
  list_events_.updated(conversation);
  co_return json_response(201, view(conversation));
}

Task<Answer> Api::get_conversation(Call& call) {
  LB_CO_TRY(conversation, co_await services_.conversations.get(call.caller.principal, call.parameters[0]));
  co_return json_response(200, view(conversation));
}

Task<Answer> Api::update_conversation(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(title, body.optional_text("title", kTitleLimit));
  LB_CO_TRY(archived, body.optional_flag("archived"));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(conversation, co_await services_.conversations.update(call.caller.principal, call.parameters[0],
                                                                  std::move(title), archived));
  list_events_.updated(conversation);
  co_return json_response(200, view(conversation));
}

Task<Answer> Api::delete_conversation(Call& call) {
  LB_CO_CHECK(co_await intake_.remove_conversation(call.caller.principal, call.parameters[0]));
  co_return net::Response{204, {}, {}, {}};
}

}  // namespace librebird::gateway
