#pragma once

// The frames a client may send (docs/protocol.md), parsed strictly. Pure, any thread.

#include <librebird/base/result.hpp>
#include <librebird/core/model/approval.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/gateway/catch_up.hpp>

#include <iterator>
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

// What a kind of frame needs, in the order of the variant; checked once, before a frame is handled.
struct FrameKind {
  std::string_view type;
  policy::Permission permission;
};
inline constexpr FrameKind kFrameKinds[] = {
    {"subscribe", policy::Permission::read_conversations},
    {"unsubscribe", policy::Permission::use_account},
    {"send", policy::Permission::chat},
    {"cancel", policy::Permission::chat},
    {"decide", policy::Permission::answer_approvals},
    {"ping", policy::Permission::use_account},
};
static_assert(std::size(kFrameKinds) == std::variant_size_v<decltype(ClientFrame::what)>);
[[nodiscard]] inline const FrameKind& kind_of(const ClientFrame& frame) { return kFrameKinds[frame.what.index()]; }

struct FrameError {
  Error error;
  std::string id;         // of the frame, if it could be read
  bool malformed = false;  // not a JSON object at all: the connection is closed
};

// `content_limit` in bytes.
[[nodiscard]] std::variant<ClientFrame, FrameError> parse_client_frame(std::string_view text,
                                                                       std::size_t content_limit);

}  // namespace librebird::gateway
