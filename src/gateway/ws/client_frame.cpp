#include <librebird/gateway/client_frame.hpp>

#include <librebird/gateway/body.hpp>

#include <fmt/format.h>

namespace librebird::gateway {
namespace {

constexpr std::size_t kIdLimit = 128;

Result<SubscribeFrame> read_subscribe(Body& body) {
  SubscribeFrame frame;
  LB_TRY(conversation, body.text("conversation_id", kIdLimit));
  frame.conversation_id = std::move(conversation);
  LB_TRY(cursor, body.optional_object("cursor"));
  if (cursor) {
    Cursor at;
    LB_TRY(turn, cursor->text("turn_id", kIdLimit));
    at.turn_id = std::move(turn);
    LB_TRY(attempt, cursor->optional_integer("attempt", 0, 1'000'000));
    at.attempt = static_cast<int>(attempt.value_or(0));
    LB_TRY(seq, cursor->optional_integer("seq", 0, 1LL << 53));
    at.seq = static_cast<std::uint64_t>(seq.value_or(0));
    LB_CHECK(cursor->done());
    frame.cursor = std::move(at);
  }
  return frame;
}

Result<SendFrame> read_send(Body& body, std::size_t content_limit) {
  SendFrame frame;
  LB_TRY(conversation, body.text("conversation_id", kIdLimit));
  LB_TRY(content, body.text("content", content_limit));
  LB_TRY(client_id, body.text("client_message_id", kIdLimit));
  frame.conversation_id = std::move(conversation);
  frame.content = std::move(content);
  frame.client_message_id = std::move(client_id);
  return frame;
}

Result<DecideFrame> read_decide(Body& body) {
  DecideFrame frame;
  LB_TRY(approval, body.text("approval_id", kIdLimit));
  LB_TRY(decision, body.text("decision", 16));
  const auto known = approval_decision_from_string(decision);
  if (!known) return make_error(Code::invalid_argument, "`decision` must be \"once\", \"always\" or \"deny\".");
  frame.approval_id = std::move(approval);
  frame.decision = *known;
  return frame;
}

Result<ClientFrame> read_frame(Body& body, std::string id, std::size_t content_limit) {
  ClientFrame frame;
  frame.id = std::move(id);
  LB_TRY(type, body.text("type", 32));
  if (type == "subscribe") {
    LB_TRY(subscribe, read_subscribe(body));
    frame.what = std::move(subscribe);
  } else if (type == "unsubscribe") {
    LB_TRY(conversation, body.text("conversation_id", kIdLimit));
    frame.what = UnsubscribeFrame{std::move(conversation)};
  } else if (type == "send") {
    LB_TRY(send, read_send(body, content_limit));
    frame.what = std::move(send);
  } else if (type == "cancel") {
    LB_TRY(turn, body.text("turn_id", kIdLimit));
    frame.what = CancelFrame{std::move(turn)};
  } else if (type == "decide") {
    LB_TRY(decide, read_decide(body));
    frame.what = std::move(decide);
  } else if (type == "typing") {
    LB_TRY(conversation, body.text("conversation_id", kIdLimit));
    LB_TRY(typing, body.optional_flag("typing"));
    frame.what = TypingFrame{std::move(conversation), typing.value_or(true)};
  } else if (type == "ping") {
    frame.what = PingFrame{};
  } else {
    return make_error(
        Code::invalid_argument,
        fmt::format("Unknown frame type `{}`; use subscribe, unsubscribe, send, cancel, decide, typing or ping.",
                    type));
  }
  LB_CHECK(body.done());
  return frame;
}

}  // namespace

std::variant<ClientFrame, FrameError> parse_client_frame(std::string_view text, std::size_t content_limit) {
  auto body = Body::parse(text.empty() ? "-" : text);
  if (!body) return FrameError{std::move(body).error(), "", true};
  auto id = body->optional_text("id", kIdLimit);
  if (!id) return FrameError{std::move(id).error(), "", false};
  const std::string known_id = id->value_or("");
  auto frame = read_frame(*body, known_id, content_limit);
  if (!frame) return FrameError{std::move(frame).error(), known_id, false};
  return std::move(*frame);
}

}  // namespace librebird::gateway
