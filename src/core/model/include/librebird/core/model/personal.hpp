#pragma once

// What a person keeps beside conversations: tasks, a journal, what was on the screen, settings. Values; no thread rule.

#include <librebird/base/clock.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace librebird {

enum class TaskStatus { todo, in_progress, done, dismissed };
enum class TaskPriority { low, medium, high };

[[nodiscard]] std::string_view to_string(TaskStatus status);
[[nodiscard]] std::string_view to_string(TaskPriority priority);
[[nodiscard]] std::optional<TaskStatus> task_status_from_string(std::string_view name);
[[nodiscard]] std::optional<TaskPriority> task_priority_from_string(std::string_view name);

// Something to do. (`Task` is a coroutine.)
struct PersonalTask {
  std::string id;
  std::string title;
  std::optional<std::string> description;
  TaskStatus status = TaskStatus::todo;
  std::optional<TaskPriority> priority = TaskPriority::medium;
  std::optional<std::string> source;  // manual, journal, chat
  std::optional<std::string> source_id;  // what it came from
  UnixMillis created_at = 0;
  std::optional<UnixMillis> completed_at;

  friend bool operator==(const PersonalTask&, const PersonalTask&) = default;
};

struct JournalEntry {
  std::string id;
  std::string entry_date;  // YYYY-MM-DD where the person was
  std::string summary;
  std::optional<std::string> activities_json;  // an array; nullopt: none
  std::optional<std::string> tasks_json;
  UnixMillis created_at = 0;

  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};

// What was on the screen.
struct ContextSnapshot {
  std::string id;
  UnixMillis taken_at = 0;
  std::optional<std::string> app_name;
  std::optional<std::string> window_title;
  std::optional<std::string> focused_text;
  std::optional<std::string> bundle_id;

  friend bool operator==(const ContextSnapshot&, const ContextSnapshot&) = default;
};

// A day's snapshots in a few lines.
struct DayMemory {
  std::string id;
  std::string memory_date;
  std::string summary;
  std::optional<std::string> app_names;  // joined by ", "
  UnixMillis created_at = 0;

  friend bool operator==(const DayMemory&, const DayMemory&) = default;
};

struct UserSetting {
  std::string name;
  std::string value;

  friend bool operator==(const UserSetting&, const UserSetting&) = default;
};

}  // namespace librebird
