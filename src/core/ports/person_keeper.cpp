#include <librebird/core/ports/person_keeper.hpp>

#include <librebird/base/json_writer.hpp>

namespace librebird {
namespace {

void counts(JsonWriter& json, const BroughtRows& rows) {
  json.field("added", rows.added).field("known", rows.known).field("left_out", rows.left_out);
}

}  // namespace

std::string to_json(const BroughtReport& report, bool dry_run) {
  JsonWriter json;
  json.begin_object().field("dry_run", dry_run).key("tables").begin_array();
  for (const auto& [table, rows] : report.tables) {
    json.begin_object().field("table", table);
    counts(json, rows);
    json.end_object();
  }
  json.end_array().key("files").begin_object();
  counts(json, report.files);
  json.end_object().end_object();
  return std::move(json).take();
}

}  // namespace librebird
