#pragma once

// Where messages come in, whatever channel brought them: rights, bounds, then the store; acknowledged means on disk.
// Thread rule: loop only.

#include <librebird/gateway/turn_runner.hpp>

#include <string>

namespace librebird::gateway {

struct IntakeOptions {
  std::size_t message_limit = 256 * 1024;  // bytes of one message
  int queue_limit = 32;                    // open turns of one conversation
  std::size_t backlog_limit = 10'000;      // turns waiting in this gateway
  UsageRules limits;                       // that hold where nobody set others
};

class Intake {
 public:
  Intake(ConversationStore& conversations, TurnStore& turns, EventBus& bus, TurnRunner& runner, ListEvents& list_events,
         IntakeOptions options);

  // Errors: permission_denied, invalid_argument, too_large, not_found, resource_exhausted (this conversation's queue, a
  // limit of use), unavailable (the gateway's backlog, a full disk), failed_precondition.
  Task<Result<Accepted>> submit(Principal principal, AcceptMessage message);
  Task<Result<Turn>> cancel(Principal principal, std::string turn_id);
  // Tells that a turn which waited was cancelled.
  void tell_cancelled(const Turn& turn);
  Task<Status> remove_conversation(Principal principal, std::string conversation_id);
  [[nodiscard]] const IntakeOptions& options() const { return options_; }

 private:
  ConversationStore& conversations_;
  TurnStore& turns_;
  EventBus& bus_;
  TurnRunner& runner_;
  ListEvents& list_events_;
  IntakeOptions options_;
};

}  // namespace librebird::gateway
