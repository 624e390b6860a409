#pragma once

// The frames a client may send (docs/protocol.md), parsed strictly. Pure, any thread.

#include <librebird/base/result.hpp>
#include <librebird/core/model/approval.hpp>
#include <librebird/gateway/catch_up.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace librebird::gateway {

struct SubscribeFrame {
  std::string conversation_id;
  std::optional<Cursor> cursor;
};
struct UnsubscribeFrame {
  std::string conversation_id;
};
struct SendFrame {
  std::string conversation_id;
  std::string content;
  std::string client_message_id;
};
struct CancelFrame {
  std::string turn_id;
};
struct DecideFrame {
  std::string approval_id;
  ApprovalDecision decision = ApprovalDecision::deny;
};
struct PingFrame {};

struct ClientFrame {
  std::string id;  // the client's; repeated in the answer
  std::variant<SubscribeFrame, UnsubscribeFrame, SendFrame, CancelFrame, DecideFrame, PingFrame> what;
};

struct FrameError {
  Error error;
  std::string id;         // of the frame, if it could be read
  bool malformed = false;  // not a JSON object at all: the connection is closed
};

// `content_limit` in bytes.
[[nodiscard]] std::variant<ClientFrame, FrameError> parse_client_frame(std::string_view text,
                                                                       std::size_t content_limit);

}  // namespace librebird::gateway
