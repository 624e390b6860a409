#pragma once

// Ports: what is kept. One small store per aggregate; implemented once in src/storage, on every SQL engine.
//
// Thread rule: call on the loop; results come back on the loop. Every call that takes a Principal sees only rows of
// that principal's user and workspace, and of conversations that are shared with that user, while the user is a member:
// another's row is not_found, exactly like an absent one. permission_denied: it can be seen, but its owner's say is
// needed, or a share that allows writing.
// A write has happened durably when the call returns; leases, renewals and notes of use survive the process, and a
// power cut may only take them back (see storage/sqlite). Errors beside those named: unavailable (busy, disk full:
// retryable, says so), failed_precondition (read-only or newer database), data_loss (damaged file).

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/conversation.hpp>
#include <librebird/core/model/identity.hpp>
#include <librebird/core/model/usage.hpp>
#include <librebird/core/ports/audit_store.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/core/ports/credential_store.hpp>
#include <librebird/core/ports/secret_store.hpp>

#include <optional>
#include <string>
#include <vector>

namespace librebird {

template <class T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next;  // opaque cursor
};

class IdentityStore {
 public:
  virtual ~IdentityStore() = default;
  // The oldest workspace and its owner: whoever runs this installation. Made once, by the first call.
  virtual Task<Result<Principal>> ensure_owner() = 0;
  virtual Task<Result<User>> get_user(Principal principal) = 0;
  virtual Task<Result<Workspace>> get_workspace(Principal principal) = 0;
};

inline constexpr std::size_t kMostShares = 50;  // single people with whom one conversation is shared

struct ConversationFilter {
  bool archived = false;
  std::string query;  // words to find in titles and messages; empty: all
  int limit = 50;  // 1 to 200
  std::string cursor;  // from Page::next
};

class ConversationStore {
 public:
  virtual ~ConversationStore() = default;
  virtual Task<Result<Conversation>> create(Principal principal, std::string title) = 0;
  virtual Task<Result<Conversation>> get(Principal principal, std::string id) = 0;
  // Whosever they are, in no order; those that are gone are left out. For telling those who may see them.
  virtual Task<Result<std::vector<Conversation>>> get_all(std::vector<std::string> ids) = 0;
  virtual Task<Result<Page<Conversation>>> list(Principal principal, ConversationFilter filter) = 0;
  virtual Task<Result<Conversation>> update(Principal principal, std::string id, std::optional<std::string> title,
                                            std::optional<bool> archived) = 0;
  // With whom it is shared; its owner only. invalid_argument: somebody who is no member, the owner, or too many.
  // Returns it as it is then.
  virtual Task<Result<Conversation>> share(Principal principal, std::string id, Sharing sharing) = 0;
  // With its messages, turns and journal. failed_precondition is never returned for a running turn: the caller
  // cancels it first; its worker finds the turn gone and stops.
  virtual Task<Status> remove(Principal principal, std::string id) = 0;
};

class MessageStore {
 public:
  virtual ~MessageStore() = default;
  // Oldest first within the page; the page ends before message id `before` (empty: the newest page).
  virtual Task<Result<Page<Message>>> list(Principal principal, std::string conversation_id, std::string before,
                                           int limit) = 0;
  virtual Task<Result<Message>> get(Principal principal, std::string id) = 0;
  // The visible assistant message of a turn; nullopt when it has none.
  virtual Task<Result<std::optional<Message>>> answer_of(Principal principal, std::string turn_id) = 0;
  // Past messages by this user, and answers to them, that match the words best; for the brain's memory.
  virtual Task<Result<std::vector<MemoryItem>>> search(Principal principal, std::string text, int limit) = 0;
};

struct AcceptMessage {
  std::string conversation_id;
  std::string content;
  std::string client_message_id;  // unique per user; the same again returns the first outcome
  // At most one of the two:
  std::string edit_message_id;  // replaces this user message, which its author wrote, and all after it
  std::string regenerate_message_id;  // answers the user message before this assistant message anew
  int queue_limit = 32;  // open turns allowed in this conversation
  UsageRules limits;  // see usage_store.hpp
};

struct Accepted {
  Message message;  // the user message to be answered
  Turn turn;
  Conversation conversation;
  bool duplicate = false;
};

// A turn leased by a worker, with all that answering it needs.
struct LeasedTurn {
  Turn turn;
  std::vector<ChatMessage> history;  // visible messages up to and including the one to answer
  std::vector<TurnStep> journal;
  std::int64_t skill_revision = 0;  // of the workspace: SkillStore::revision()
};

class TurnStore {
 public:
  virtual ~TurnStore() = default;
  // The message and its queued turn in one transaction. An untitled conversation gets a title from the message.
  // Errors: not_found, resource_exhausted (queue_limit, limits), invalid_argument (edit/regenerate of the wrong kind),
  // failed_precondition (edit or regenerate while a turn of the conversation is open).
  virtual Task<Result<Accepted>> accept(Principal principal, AcceptMessage message) = 0;
  virtual Task<Result<Turn>> get(Principal principal, std::string id) = 0;

  // Takes the oldest queued (or expired) turn of this conversation, if none of it is validly leased.
  // nullopt: nothing to do. History holds at most `history_limit` messages.
  virtual Task<Result<std::optional<LeasedTurn>>> lease(std::string conversation_id, std::string owner, Millis duration,
                                                        int history_limit) = 0;
  // A new attempt at a turn that `owner` holds already (the brain went away): attempt + 1, the journal as it stands.
  // failed_precondition as in append_step.
  virtual Task<Result<LeasedTurn>> retake(std::string turn_id, std::string owner, Millis duration,
                                          int history_limit) = 0;
  // Conversations that have work at `now` and no valid lease: at start, and to find what others dropped.
  virtual Task<Result<std::vector<std::string>>> conversations_with_work() = 0;
  // Keeps the leases of `owner`. Returns those it still holds.
  virtual Task<Result<std::vector<std::string>>> renew(std::string owner, Millis duration) = 0;
  // Gives every lease of `owner` back at once (orderly shutdown).
  virtual Task<Status> release(std::string owner) = 0;
  // failed_precondition: the lease is not `owner`'s any more (or the turn was deleted): stop working on it.
  virtual Task<Status> append_step(std::string turn_id, std::string owner, TurnStep step) = 0;
  // Ends the turn and stores the assistant message (absent: nothing was answered), with the last step if it was not
  // journaled on its own, in one transaction, in which what the turn took is counted. Same error as append_step.
  virtual Task<Result<Turn>> finish(std::string turn_id, std::string owner, TurnStatus status,
                                    std::optional<TurnError> error, std::optional<Message> answer,
                                    Spent spent = {}) = 0;
  // Asks for the end of a turn. A queued one is cancelled at once; a running one is marked, and its worker told by
  // the caller. A finished one is returned as it is.
  virtual Task<Result<Turn>> request_cancel(Principal principal, std::string id) = 0;
};

}  // namespace librebird
