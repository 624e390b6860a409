#pragma once

// What a client that comes (back) to a conversation has to be told before live events go on. Thread rule: loop only.

#include <librebird/gateway/turn_hub.hpp>

#include <optional>
#include <string>
#include <vector>

namespace librebird::gateway {

struct Cursor {
  std::string turn_id;
  int attempt = 0;
  std::uint64_t seq = 0;
};

// The end of a turn that no longer runs anywhere: the state of the turn and its whole answer, if it has one.
[[nodiscard]] EventBus::Payload finished_event(const Turn& turn, const std::optional<Message>& message);

// Events of turns that run (or lately ran) here. Synchronous: call it, then subscribe, then send these, with no await
// between, and nothing is lost or told twice.
[[nodiscard]] std::vector<EventBus::Payload> missing_live(const TurnHub& hub, const std::string& conversation_id,
                                                          const std::optional<Cursor>& cursor);

// True if only the store can tell about the cursor's turn.
[[nodiscard]] bool needs_store(const TurnHub& hub, const std::optional<Cursor>& cursor);

// For a turn the hub does not know: its end, which brings the whole answer, if it is over; nothing if it waits in the
// queue.
Task<Result<std::vector<EventBus::Payload>>> missing_stored(TurnStore& turns, MessageStore& messages,
                                                            Principal principal, std::string turn_id);

}  // namespace librebird::gateway
