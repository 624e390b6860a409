#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include "progress_bar.hpp"

namespace librebird::cli {

Task<int> move_database(MoveDatabase move, bool json) {
  ProgressBar bar(!json);
  auto progress = [&bar](const MoveProgress& at) { bar.show(at.what, at.done, at.total); };
  const auto report = co_await move(progress);
  bar.clear();
  if (!report) co_return fail(report.error());
  if (json) {
    JsonWriter out;
    out.begin_object().field("verified", report->verified).key("tables").begin_array();
    for (const MovedTable& table : report->tables) {
      out.begin_object().field("name", table.name).field("rows", table.rows).field("copied", table.copied);
      out.field("source_sha256", table.source_sha256).field("target_sha256", table.target_sha256).end_object();
    }
    out.end_array().end_object();
    fmt::print("{}\n", out.text());
  } else {
    fmt::print("{:<26}{:>10}{:>10}\n", "", "rows", "copied");
    for (const MovedTable& table : report->tables) {
      fmt::print("{:<26}{:>10}{:>10}{}\n", table.name, table.rows, table.copied,
                 table.source_sha256 == table.target_sha256 ? "" : "  DIFFERS");
    }
  }
  if (!report->verified) {
    co_return fail(make_error(Code::data_loss,
                              "The two databases are not the same: something else wrote to one of them. Stop it, and "
                              "begin again with an empty target. The source is as it was."));
  }
  if (!json) fmt::print("Verified: every row is there, and the same.\n");
  co_return 0;
}

}  // namespace librebird::cli
