#pragma once

// A turn while it runs here: what the brain says becomes events with (turn_id, attempt, seq), published to the
// conversation's topic and kept, bounded, for clients that reconnect (docs/protocol.md, "Resume").
//
// Thread rule: loop only. Ownership: shared by its runner and the hub. Text is coalesced: all pieces that arrive in one
// run of the loop become one delta.

#include <librebird/base/json_writer.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/core/ports/event_bus.hpp>
#include <librebird/core/ports/stores.hpp>
#include <librebird/gateway/metering.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace librebird::gateway {

[[nodiscard]] std::string conversation_topic(const std::string& conversation_id);

class LiveTurn final : public ChatObserver, public std::enable_shared_from_this<LiveTurn> {
 public:
  LiveTurn(Loop& loop, EventBus& bus, TurnStore& store, std::string owner, const LeasedTurn& leased);

  // Begins an attempt (the first, or again after the brain was lost): numbering starts anew.
  void begin(const LeasedTurn& leased);

  void on_text(std::string_view text) override;
  void on_tool_call(const ToolCall& call) override;
  void on_tool_result(const ToolResult& result) override;
  void on_approval(const Approval& approval) override;
  void on_tool_progress(const ToolProgress& progress) override;
  Task<Status> journal(TurnStep step) override;

  // All that was said; tool calls still open count as interrupted.
  [[nodiscard]] std::vector<MessagePart> parts_at_end() const;
  // What the turn took until now, attempts before a restart included; `last`: the answer that ended it, if one did.
  [[nodiscard]] Spent spent(const ModelAnswer* last, const Prices& prices) const { return meter_.total(last, prices); }
  // Says the last event. Nothing follows.
  void finish(const Turn& turn, const std::optional<Message>& message);

  [[nodiscard]] const Turn& turn() const { return turn_; }
  [[nodiscard]] bool finished() const { return finished_; }
  // The store said that this turn is another worker's now, or gone.
  [[nodiscard]] bool lease_lost() const { return lease_lost_; }
  [[nodiscard]] std::uint64_t seq() const { return seq_; }
  [[nodiscard]] const std::optional<ModelInfo>& model() const { return model_; }

  // What a client that has seen `seq` of `attempt` is missing; a snapshot if that cannot be told event by event.
  [[nodiscard]] std::vector<EventBus::Payload> missing(int attempt, std::uint64_t seq);
  [[nodiscard]] EventBus::Payload snapshot();

  // The runner's token; request_stop() is how a turn is cancelled.
  std::stop_source stop;

 private:
  void flush();
  [[nodiscard]] JsonWriter event(std::string_view type, std::uint64_t seq) const;
  void emit(JsonWriter json);
  void keep(EventBus::Payload payload);

  Loop& loop_;
  EventBus& bus_;
  TurnStore& store_;
  std::string owner_;
  std::string topic_;
  Turn turn_;
  std::vector<MessagePart> parts_;
  std::vector<Approval> questions_;  // open ones, oldest first
  std::optional<ModelInfo> model_;
  Meter meter_;
  std::string pending_;  // text not yet told
  bool flush_posted_ = false;
  bool finished_ = false;
  bool lease_lost_ = false;
  std::uint64_t seq_ = 0;
  std::uint64_t first_kept_ = 1;
  std::size_t kept_bytes_ = 0;
  std::deque<EventBus::Payload> kept_;
};

}  // namespace librebird::gateway
