#pragma once

// What the user said or was told before, found again by its words. Loop only; the store outlives the call.

#include <librebird/core/ports/stores.hpp>

namespace librebird::brain::memory {

// Best matches first, each message once. `messages` null: failed_precondition.
Task<Result<std::vector<MemoryItem>>> recall(MessageStore* messages, MemoryQuery query);

}  // namespace librebird::brain::memory
