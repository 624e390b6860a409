#pragma once

// The hands in another process, as a HandsService. Thread rule: loop only, as the port says.
//
// The channel connects when first used and again by itself whenever it broke (back-off of at most
// RpcOptions::reconnect_backoff); a call made while the hands is away fails at once with `unavailable`. All errors of
// the port arrive exactly as the server gave them.
// Ownership: `loop` must outlive the client, the client its calls.

#include <librebird/base/async/task.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <memory>

namespace librebird {

[[nodiscard]] std::unique_ptr<HandsService> make_hands_client(Loop& loop, RpcOptions options);

}  // namespace librebird
