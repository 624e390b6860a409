#pragma once

// Runs turns: one lane a conversation, in order; lanes of different users take turns when all places are busy.
// A turn is leased, answered by the brain step by step through the journal, and finished in one transaction.
//
// Thread rule: loop only. stop() lets running turns end for a while, then leaves them to the next start: their leases
// are given back and their journals stand.

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/random.hpp>
#include <librebird/gateway/list_events.hpp>
#include <librebird/gateway/metering.hpp>
#include <librebird/gateway/turn_hub.hpp>

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace librebird::gateway {

struct RunnerOptions {
  std::string owner;                  // of leases; unique per running gateway
  Millis lease{30'000};
  int history_limit = 100;            // messages given to the model
  std::size_t concurrent_turns = 1024;
  Millis brain_retry_limit{60'000};   // how long a lost brain is waited for
  Prices prices;
};

class TurnRunner {
 public:
  TurnRunner(Loop& loop, const Clock& clock, IdGenerator& ids, TurnStore& turns, BrainService& brain, EventBus& bus,
             TurnHub& hub, ListEvents& list_events, RunnerOptions options);

  // Gives back what a predecessor of the same name left, then takes up all waiting work.
  Task<Status> start();
  // There is (or may be) a queued turn in this conversation.
  void wake(const std::string& conversation_id, const std::string& user_id);
  // Stops the turn if it runs here, or is just being leased.
  void cancel(const std::string& conversation_id, const std::string& turn_id);
  // Those of one person in a workspace; an empty user: of everybody there.
  void cancel_of(const std::string& workspace_id, const std::string& user_id);
  // Whose turns run now.
  [[nodiscard]] std::vector<Principal> people() const;
  // Turns accepted and not yet begun.
  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  Task<void> stop(Millis drain);

 private:
  struct Lane {
    std::string user_id;
    std::size_t hints = 0;     // turns known to wait
    bool until_empty = false;  // ask the store until it says there is none
    bool running = false;
    bool ready = false;
    std::string stopped;  // the turn that was stopped while the store's answer to the lease was on the way
  };

  void make_ready(const std::string& conversation_id, Lane& lane);
  void pump();
  void take_up(const std::vector<std::string>& conversations);
  Task<void> run_lane(std::string conversation_id);
  Task<void> run_next(std::string conversation_id);
  Task<void> run_turn(LeasedTurn leased);
  Task<void> conclude(std::shared_ptr<LiveTurn> live, Result<ChatOutcome> outcome);
  Task<void> keep_leases();

  Loop& loop_;
  const Clock& clock_;
  IdGenerator& ids_;
  TurnStore& turns_;
  BrainService& brain_;
  EventBus& bus_;
  TurnHub& hub_;
  ListEvents& list_events_;
  RunnerOptions options_;
  std::unordered_map<std::string, Lane> lanes_;  // by conversation
  std::unordered_map<std::string, std::deque<std::string>> ready_;  // by user: conversations
  std::deque<std::string> users_;                                   // whose turn it is next
  std::unordered_map<std::string, std::shared_ptr<LiveTurn>> live_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;
  bool started_ = false;
  bool stopping_ = false;
  bool abandoned_ = false;  // the drain is over: end without finishing turns
  Scope scope_;
};

}  // namespace librebird::gateway
