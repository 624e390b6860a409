#include "mapping.hpp"

#include <librebird/base/random.hpp>
#include <librebird/core/audit/chain.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace librebird::storage::legacy {
namespace {

Cell cell(std::optional<std::string> text) { return text ? Cell(*std::move(text)) : Cell(nullptr); }
Cell cell(std::optional<std::int64_t> number) { return number ? Cell(*number) : Cell(nullptr); }

constexpr const char* kCollection = "libre_bird_docs";

}  // namespace

std::string derived_id(const Principal& principal, std::string_view table, std::string_view key,
                       std::string_view made) {
  std::string text;
  for (const std::string_view part :
       {std::string_view("librebird-desktop-v1"), std::string_view(principal.workspace_id),
        std::string_view(principal.user_id), table, key, made}) {
    append_netstring(text, part);
  }
  std::string hex = sha256_hex(text).substr(0, 32);
  hex[12] = '8';
  hex[16] = "89ab"[static_cast<std::size_t>(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) % 4];
  for (const std::size_t at : {8U, 13U, 18U, 23U}) hex.insert(at, 1, '-');
  return hex;
}

bool is_secret_name(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kEndings{"apikey", "token",      "secret",     "password",
                                                            "passwd", "passphrase", "credentials"};
  std::string word;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    const char c = i < name.size() ? name[i] : '_';
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')) {
      word.push_back(lower);
      continue;
    }
    if (word == "key" || std::ranges::any_of(kEndings, [&](auto ending) { return word.ends_with(ending); })) {
      return true;
    }
    word.clear();
  }
  return false;
}

void Mapping::begin() {
  current_ = {};
  last_ = 0;
  talks_.clear();
  snapshots_.clear();
  secrets_.clear();
}

UnixMillis Mapping::made_at(RowReader& row, std::string_view column) {
  const UnixMillis time = row.needed_time(column, times_, last_);
  if (row.rejected().empty()) last_ = time;
  return time;
}

Mapping::Cells Mapping::setting(RowReader& row) {
  std::string name = row.needed_text("key");
  std::string value = row.needed_text("value");
  if (!row.rejected().empty()) return std::nullopt;
  if (is_secret_name(name)) {
    if (!value.empty()) secrets_.emplace_back(std::move(name), std::move(value));
    return std::nullopt;
  }
  return std::vector<Cell>{std::move(name), std::move(value)};
}

Mapping::Cells Mapping::snapshot(std::int64_t number, RowReader& row) {
  const UnixMillis taken = made_at(row, "timestamp");
  std::vector<Cell> cells{id("context_snapshots", number, row.raw("timestamp")),
                          taken,
                          cell(row.text("app_name")),
                          cell(row.text("window_title")),
                          cell(row.text("focused_text")),
                          cell(row.text("bundle_id"))};
  if (!row.rejected().empty()) return std::nullopt;
  snapshots_.emplace(number, std::get<std::string>(cells[0]));
  return cells;
}

Mapping::Cells Mapping::conversation(std::int64_t number, RowReader& row) {
  std::string title = row.needed_text("title");
  const UnixMillis created = made_at(row, "created_at");
  const UnixMillis updated = row.needed_time("updated_at", times_, created);
  const std::int64_t archived = row.needed_integer("is_archived");
  if (!row.rejected().empty()) return std::nullopt;
  std::string own = id("conversations", number, row.raw("created_at"));
  talks_.emplace(number, Talk{own, ""});
  return std::vector<Cell>{std::move(own), std::move(title), std::int64_t{archived != 0}, created, updated};
}

Mapping::Cells Mapping::message(std::int64_t number, RowReader& row) {
  const std::int64_t talk_number = row.needed_integer("conversation_id");
  std::string role = row.needed_word("role", {"user", "assistant", "system"});
  std::string content = row.needed_text("content");
  const UnixMillis created = made_at(row, "created_at");
  const auto context_number = row.integer("context_snapshot_id");
  if (!row.rejected().empty()) return std::nullopt;
  const auto talk = talks_.find(talk_number);
  if (talk == talks_.end()) {
    row.reject(fmt::format("its conversation {} is not there", talk_number));
    return std::nullopt;
  }
  Cell context(nullptr);
  if (context_number) {
    const auto snapshot = snapshots_.find(*context_number);
    if (snapshot == snapshots_.end()) {
      row.mend(fmt::format("its context snapshot {} is not there", *context_number));
    } else {
      context = snapshot->second;
    }
  }
  const std::string turn = derived_id(principal_, "turns", std::to_string(number), row.raw("created_at"));
  if (role == "user" || talk->second.turn_id.empty()) talk->second.turn_id = turn;
  // The platform's conversations hold questions and answers only. What was said by the system stays, unseen.
  Cell superseded(nullptr);
  if (role == "system") superseded = turn;
  return std::vector<Cell>{id("messages", number, row.raw("created_at")),
                           talk->second.id,
                           std::move(role),
                           std::move(content),
                           created,
                           std::move(context),
                           talk->second.turn_id,
                           std::move(superseded)};
}

Mapping::Cells Mapping::journal_entry(RowReader& row) {
  // A summary that is made anew is a new row with a new number: the day tells it apart.
  std::string date = row.needed_date("entry_date");
  std::string summary = row.needed_text("summary");
  Cell activities = cell(row.array("activities"));
  Cell tasks = cell(row.array("tasks_extracted"));
  const UnixMillis created = row.needed_time("created_at", times_);
  if (!row.rejected().empty()) return std::nullopt;
  std::string own = derived_id(principal_, "journal_entries", date, "");
  return std::vector<Cell>{std::move(date), std::move(summary), std::move(activities), std::move(tasks),
                           created,         std::move(own)};
}

Mapping::Cells Mapping::task(std::int64_t number, RowReader& row) {
  std::string title = row.needed_text("title");
  Cell description = cell(row.text("description"));
  std::string status = row.needed_word("status", {"todo", "in_progress", "done", "dismissed"});
  Cell priority = cell(row.word("priority", {"low", "medium", "high"}));
  Cell source = cell(row.text("source"));
  const auto source_number = row.integer("source_id");
  const UnixMillis created = made_at(row, "created_at");
  const auto completed = row.time("completed_at", times_, created);
  if (!row.rejected().empty()) return std::nullopt;
  Cell source_id(nullptr);
  if (source_number) source_id = std::to_string(*source_number);
  return std::vector<Cell>{id("tasks", number, row.raw("created_at")),
                           std::move(title),
                           std::move(description),
                           std::move(status),
                           std::move(priority),
                           std::move(source),
                           std::move(source_id),
                           created,
                           cell(completed)};
}

Mapping::Cells Mapping::memory(std::int64_t number, RowReader& row) {
  std::string date = row.needed_date("memory_date");
  std::string summary = row.needed_text("summary");
  Cell apps = cell(row.text("app_names"));
  const UnixMillis created = made_at(row, "created_at");
  if (!row.rejected().empty()) return std::nullopt;
  return std::vector<Cell>{id("memories", number, row.raw("created_at")), std::move(date), std::move(summary),
                           std::move(apps), created};
}

Mapping::Cells Mapping::chunk(RowReader& row) {
  const std::string key = row.needed_text("embedding_id");
  std::string content = row.needed_text("document");
  std::string source = row.needed_text("source");
  const auto index = row.integer("chunk_index");
  std::string metadata = row.needed_text("metadata");
  const auto zone = LocalTimes::in("UTC");
  if (!zone) row.reject(zone.error().message);
  if (!row.rejected().empty()) return std::nullopt;
  const UnixMillis created = row.needed_time("created_at", *zone);
  if (!row.rejected().empty()) return std::nullopt;
  return std::vector<Cell>{derived_id(principal_, "knowledge", key, ""),
                           std::move(source),
                           index.value_or(0),
                           std::move(content),
                           std::move(metadata),
                           created};
}

namespace {

SourceTable table(std::string_view name, std::vector<std::string> columns, Target target) {
  SourceTable out;
  out.name = name;
  out.select = fmt::format("SELECT rowid, {} FROM {} WHERE rowid > ?1 ORDER BY rowid", fmt::join(columns, ", "), name);
  out.next = fmt::format("SELECT rowid FROM {} WHERE rowid > ?1 ORDER BY rowid LIMIT 1", name);
  out.count = fmt::format("SELECT COUNT(*) FROM {}", name);
  out.columns = std::move(columns);
  out.target = std::move(target);
  return out;
}

}  // namespace

std::vector<SourceTable> Mapping::tables() {
  std::vector<SourceTable> all;
  const auto add = [&](SourceTable made, auto map) {
    made.map = std::move(map);
    all.push_back(std::move(made));
  };
  add(table("settings", {"key", "value"}, {"user_settings", {"name", "value"}, 2, ""}),
      [this](std::int64_t, RowReader& row) { return setting(row); });
  add(table("context_snapshots", {"timestamp", "app_name", "window_title", "focused_text", "bundle_id"},
            {"context_snapshots", {"id", "taken_at", "app_name", "window_title", "focused_text", "bundle_id"}, 6, ""}),
      [this](std::int64_t number, RowReader& row) { return snapshot(number, row); });
  add(table("conversations", {"title", "created_at", "updated_at", "is_archived"},
            {"conversations", {"id", "title", "archived", "created_at", "updated_at"}, 4, "conversation"}),
      [this](std::int64_t number, RowReader& row) { return conversation(number, row); });
  add(table("messages", {"conversation_id", "role", "content", "created_at", "context_snapshot_id"},
            {"messages",
             {"id", "conversation_id", "role", "content", "created_at", "context_snapshot_id", "turn_id",
              "superseded_by"},
             6,
             ""}),
      [this](std::int64_t number, RowReader& row) { return message(number, row); });
  add(table("journal_entries", {"entry_date", "summary", "activities", "tasks_extracted", "created_at"},
            {"journal_entries", {"entry_date", "summary", "activities", "tasks_extracted", "created_at", "id"}, 5, ""}),
      [this](std::int64_t, RowReader& row) { return journal_entry(row); });
  add(table("tasks",
            {"title", "description", "status", "priority", "source", "source_id", "created_at", "completed_at"},
            {"tasks",
             {"id", "title", "description", "status", "priority", "source", "source_id", "created_at", "completed_at"},
             9,
             "task"}),
      [this](std::int64_t number, RowReader& row) { return task(number, row); });
  add(table("memories", {"memory_date", "summary", "app_names", "created_at"},
            {"memories", {"id", "memory_date", "summary", "app_names", "created_at"}, 5, ""}),
      [this](std::int64_t number, RowReader& row) { return memory(number, row); });
  for (SourceTable& each : all) {
    each.map = [this, map = std::move(each.map), name = each.name](std::int64_t number, RowReader& row) {
      if (name != current_) current_ = name, last_ = 0;
      return map(number, row);
    };
  }
  return all;
}

SourceTable Mapping::knowledge(bool flags) {
  const std::string of_collection = fmt::format(
      "FROM embeddings e JOIN segments s ON s.id = e.segment_id JOIN collections c ON c.id = s.collection "
      "WHERE c.name = '{}'",
      kCollection);
  const auto value = [](std::string_view type, std::string_view key) {
    return fmt::format("(SELECT {} FROM embedding_metadata m WHERE m.id = e.id AND m.key = '{}')", type, key);
  };
  SourceTable out;
  out.name = "knowledge";
  out.columns = {"embedding_id", "created_at", "document", "source", "chunk_index", "metadata"};
  out.select = fmt::format(
      "SELECT e.id, e.embedding_id, e.created_at, {}, {}, {}, (SELECT json_group_object(key, value) FROM (SELECT m.key "
      "AS key, COALESCE(m.string_value, m.int_value, m.float_value{}) AS value FROM embedding_metadata m WHERE m.id = "
      "e.id AND m.key NOT IN ('chroma:document', 'source', 'chunk_index') ORDER BY m.key)) {} AND e.id > ?1 ORDER BY "
      "e.id",
      value("string_value", "chroma:document"), value("string_value", "source"), value("int_value", "chunk_index"),
      flags ? ", m.bool_value" : "", of_collection);
  out.next = fmt::format("SELECT e.id {} AND e.id > ?1 ORDER BY e.id LIMIT 1", of_collection);
  out.count = fmt::format("SELECT COUNT(*) {}", of_collection);
  out.target = {"knowledge_chunks", {"id", "source", "chunk_index", "content", "metadata", "created_at"}, 6, ""};
  out.map = [this](std::int64_t, RowReader& row) { return chunk(row); };
  return out;
}

}  // namespace librebird::storage::legacy
