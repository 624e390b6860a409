#pragma once

// The two things every server-side handler does with a call: take the one request, give one answer.

#include "server_call.hpp"

#include <librebird/base/result.hpp>

#include <fmt/format.h>

#include <memory>
#include <string>

namespace librebird::rpc {

// cancelled when the client sent none.
inline Task<Result<std::string>> receive_request(std::shared_ptr<ServerCall> call) {
  auto bytes = co_await call->receive();
  if (!bytes) co_return Error{Code::cancelled, "The client sent no request."};
  co_return std::move(*bytes);
}

// too_large, or cancelled when nobody is there to read it.
inline Status send_message(ServerCall& call, std::string message) {
  if (message.size() > call.max_message_bytes()) {
    return {Code::too_large, fmt::format("An answer of {} bytes is over the limit of {} bytes; ask for less.",
                                         message.size(), call.max_message_bytes())};
  }
  if (!call.send(std::move(message))) return {Code::unavailable, "The caller went away or reads too slowly."};
  return Ok{};
}

}  // namespace librebird::rpc
