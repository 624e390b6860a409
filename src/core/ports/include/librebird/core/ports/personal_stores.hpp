#pragma once

// Ports: what a person keeps beside conversations. The rules of stores.hpp hold: a principal sees its own rows only.
// Text is made well-formed when it is stored. Lists are bounded by `limit` (1 to 1,000).

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/personal.hpp>
#include <librebird/core/model/principal.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace librebird {

class TaskStore {
 public:
  virtual ~TaskStore() = default;
  // `id` and `created_at` are given here. invalid_argument: no title.
  virtual Task<Result<PersonalTask>> add(Principal principal, PersonalTask task) = 0;
  // With a status newest first; without, those in progress, to do, done and others, each newest first.
  virtual Task<Result<std::vector<PersonalTask>>> list(Principal principal, std::optional<TaskStatus> status,
                                                       int limit) = 0;
  // completed_at becomes now for `done`, else nothing. not_found.
  virtual Task<Result<PersonalTask>> set_status(Principal principal, std::string id, TaskStatus status) = 0;
  virtual Task<Status> remove(Principal principal, std::string id) = 0;  // not_found
  // Done or dismissed ones that were completed, or if that is unknown made, before `before`; how many there were.
  virtual Task<Result<std::int64_t>> prune(Principal principal, UnixMillis before) = 0;
};

class JournalStore {
 public:
  virtual ~JournalStore() = default;
  // One entry a day: what was there is replaced and keeps its id. invalid_argument: entry_date is no date.
  virtual Task<Result<JournalEntry>> put(Principal principal, JournalEntry entry) = 0;
  virtual Task<Result<JournalEntry>> get(Principal principal, std::string entry_date) = 0;  // not_found
  virtual Task<Result<std::vector<JournalEntry>>> list(Principal principal, int limit) = 0;  // newest day first
};

class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;
  // `id` is given here.
  virtual Task<Result<ContextSnapshot>> add(Principal principal, ContextSnapshot snapshot) = 0;
  // Taken from `from` up to, without, `until`; newest first.
  virtual Task<Result<std::vector<ContextSnapshot>>> between(Principal principal, UnixMillis from, UnixMillis until,
                                                             int limit) = 0;
  // Taken before `before`, except those that a message refers to; how many there were.
  virtual Task<Result<std::int64_t>> prune(Principal principal, UnixMillis before) = 0;
};

class DayMemoryStore {
 public:
  virtual ~DayMemoryStore() = default;
  // `id` and `created_at` are given here.
  virtual Task<Result<DayMemory>> add(Principal principal, DayMemory memory) = 0;
  virtual Task<Result<std::vector<DayMemory>>> list(Principal principal, int limit) = 0;  // newest day first
};

// Never secrets: see secret_store.hpp.
class SettingStore {
 public:
  virtual ~SettingStore() = default;
  virtual Task<Status> put(Principal principal, std::string name, std::string value) = 0;
  virtual Task<Result<std::optional<std::string>>> get(Principal principal, std::string name) = 0;
  virtual Task<Result<std::vector<UserSetting>>> list(Principal principal) = 0;  // by name
};

// The numbers by which the desktop app's interface names rows. kind: conversation, task.
class LegacyIdStore {
 public:
  virtual ~LegacyIdStore() = default;
  // The number of each id, given out where there is none yet; in the same order.
  virtual Task<Result<std::vector<std::int64_t>>> numbers_of(Principal principal, std::string kind,
                                                             std::vector<std::string> ids) = 0;
  virtual Task<Result<std::string>> id_of(Principal principal, std::string kind, std::int64_t number) = 0;  // not_found
};

}  // namespace librebird
