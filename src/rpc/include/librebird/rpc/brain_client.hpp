#pragma once

// The brain in another process, as a BrainService. Thread rule: loop only, as the port says.
//
// The channel connects when first used and again by itself whenever it broke (back-off of at most
// RpcOptions::reconnect_backoff); a call made while the brain is away fails at once with `unavailable`. All errors of
// the port arrive exactly as the server gave them.
// Ownership: `loop` must outlive the client, the client its calls.

#include <librebird/base/async/task.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <memory>

namespace librebird {

[[nodiscard]] std::unique_ptr<BrainService> make_brain_client(Loop& loop, RpcOptions options);

}  // namespace librebird
