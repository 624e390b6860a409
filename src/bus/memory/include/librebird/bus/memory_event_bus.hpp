#pragma once

// EventBus inside one process: a topic is a list of handlers. Loop only.

#include <librebird/core/ports/event_bus.hpp>

#include <memory>

namespace librebird::bus {

[[nodiscard]] std::unique_ptr<EventBus> make_memory_event_bus();

}  // namespace librebird::bus
