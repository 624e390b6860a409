#include "import_run.hpp"

#include <librebird/base/random.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace librebird::storage::legacy {
namespace {

constexpr std::size_t kBatchRows = 500;
constexpr std::size_t kBatchBytes = 8 * 1024 * 1024;
constexpr std::size_t kProblemsShown = 1000;
constexpr std::int64_t kBeforeAll = std::numeric_limits<std::int64_t>::min();

std::size_t size_of(std::span<const ForeignValue> row) {
  std::size_t bytes = 0;
  for (const ForeignValue& value : row) bytes += value.bytes.size();
  return bytes;
}

// Of a row that cannot be taken over. A secret is not kept in plain text, not even there.
std::string kept_content(const SourceTable& table, const RowReader& row) {
  const bool secret = table.name == "settings" && is_secret_name(row.raw("key"));
  return secret ? std::string("{}") : row.json();
}

// A hash of rows in their order, a few at a time.
class RollingHash {
 public:
  void add(std::string_view text) { hash_ = sha256_hex(hash_ + std::string(text)); }
  [[nodiscard]] const std::string& text() const { return hash_; }

 private:
  std::string hash_ = sha256_hex("");
};

}  // namespace

ImportRun::ImportRun(const LegacyParts& parts, Principal principal, LegacyImport options, LocalTimes times,
                     std::function<void(const LegacyProgress&)> progress)
    : parts_(parts),
      principal_(std::move(principal)),
      options_(std::move(options)),
      progress_(std::move(progress)),
      mapping_(principal_, std::move(times)) {}

Task<Result<LegacyReport>> ImportRun::run() {
  LB_CO_TRY(source, open_desktop(options_.path, options_.knowledge, options_.skip_unknown, mapping_));
  source_ = std::move(source);
  LB_CO_TRY(environment, read_environment(source_.root));
  environment_ = std::move(environment);
  report_.notes = source_.notes;
  for (const SourceTable& table : source_.tables) {
    LB_CO_TRY(count, file_of(table).number(table.count));
    total_ += options_.dry_run ? count : 2 * count;
  }
  // Answers refer to a table while others are added.
  report_.tables.reserve(source_.tables.size() + 2);
  mapping_.begin();
  for (const SourceTable& table : source_.tables) {
    LegacyTable& out = report_.tables.emplace_back();
    out.name = table.name;
    LB_CO_CHECK(co_await import_table(table, out));
  }
  LegacyTable& secrets = report_.tables.emplace_back();
  secrets.name = "secrets";
  LB_CO_CHECK(co_await import_secrets(secrets));
  LegacyTable& files = report_.tables.emplace_back();
  files.name = "files";
  LB_CO_CHECK(co_await import_files(files));
  if (options_.dry_run) co_return std::move(report_);
  LB_CO_CHECK(co_await make_searchable());
  mapping_.begin();
  report_.verified = secrets.missing == 0 && files.missing == 0;
  for (std::size_t i = 0; i < source_.tables.size(); ++i) {
    LB_CO_CHECK(co_await verify_table(source_.tables[i], report_.tables[i]));
  }
  co_return std::move(report_);
}

const ForeignFile& ImportRun::file_of(const SourceTable& table) const {
  return table.name == "knowledge" ? *source_.knowledge : *source_.database;
}

Result<ImportRun::Batch> ImportRun::read_batch(const SourceTable& table, std::int64_t after) const {
  Batch batch;
  batch.last = after;
  std::size_t bytes = 0;
  bool stopped = false;
  auto visit = [&](std::span<const ForeignValue> values) {
    batch.last = values[0].integer;
    ++batch.read;
    bytes += size_of(values);
    RowReader row(table.columns, values.subspan(1));
    auto cells = table.map(batch.last, row);
    const auto keep_row = [&](std::string_view outcome, std::string reason) {
      batch.kept.push_back({std::string(table.name), std::to_string(batch.last), std::string(outcome),
                            std::move(reason), kept_content(table, row)});
    };
    if (cells) {
      batch.rows.push_back({batch.last, *std::move(cells)});
      if (!row.mends().empty()) keep_row("mended", fmt::format("{}", fmt::join(row.mends(), "; ")));
    } else if (!row.rejected().empty()) {
      keep_row("left_out", row.rejected());
    }
    stopped = batch.read >= static_cast<std::int64_t>(kBatchRows) || bytes >= kBatchBytes;
    return !stopped;
  };
  const Status read = file_of(table).each(table.select, after, visit);
  if (!read && read.error().code == Code::too_large) {
    LB_TRY(next, file_of(table).number(table.next, batch.last));
    batch.last = next;
    ++batch.read;
    batch.kept.push_back({std::string(table.name), std::to_string(next), "left_out",
                          fmt::format("it is larger than {} MiB; it stays in the desktop app's database",
                                      ForeignFile::kLongestRow >> 20),
                          "{}"});
    return batch;
  }
  LB_CHECK(read);
  batch.end = !stopped;
  return batch;
}

Task<Status> ImportRun::import_table(const SourceTable& table, LegacyTable& out) {
  const RowWriter writer(principal_, table.target);
  for (std::int64_t after = kBeforeAll;;) {
    LB_CO_TRY(batch, read_batch(table, after));
    LB_CO_CHECK(co_await import_batch(writer, batch, out));
    tell(table.name, batch.read);
    if (batch.end) co_return Ok{};
    after = batch.last;
  }
}

Task<Status> ImportRun::import_batch(const RowWriter& writer, const Batch& batch, LegacyTable& out) {
  auto look = [&](Connection& db) -> Result<News> {
    News news;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      LB_TRY(stored, writer.stored_text(db, batch.rows[i]));
      if (!stored) {
        news.rows.push_back(i);
      } else if (*stored == writer.text_of(batch.rows[i])) {
        ++news.present;
      } else {
        news.differing.push_back(i);
      }
    }
    for (std::size_t i = 0; i < batch.kept.size(); ++i) {
      LB_TRY(known, is_kept(db, principal_, batch.kept[i]));
      if (!known) news.kept.push_back(i);
    }
    return news;
  };
  LB_CO_TRY(news, co_await parts_.database.read(actor(), look));
  if (!options_.dry_run && (!news.rows.empty() || !news.kept.empty())) {
    LB_CO_CHECK(save_backup());
    auto write = [&](Connection& db) -> Status {
      const UnixMillis now = parts_.clock.unix_now();
      for (const std::size_t i : news.rows) LB_CHECK(writer.insert(db, batch.rows[i]));
      for (const std::size_t i : news.kept) LB_CHECK(keep(db, principal_, batch.kept[i], now));
      return Ok{};
    };
    LB_CO_CHECK(co_await parts_.database.write(actor(), write));
  }
  for (const Kept& kept : batch.kept) {
    ++(kept.outcome == "mended" ? out.mended : out.left_out);
    note(kept);
  }
  for (const std::size_t i : news.differing) {
    note(out.name, std::to_string(batch.rows[i].number), "differs",
         "it was changed since it was imported, here or there; it stays as it is here");
  }
  const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  out.imported += count(news.rows);
  out.present += news.present;
  out.differing += count(news.differing);
  out.found += count(batch.rows);
  for (const Kept& kept : batch.kept) out.found += kept.outcome == "left_out" ? 1 : 0;
  co_return Ok{};
}

Task<Status> ImportRun::verify_table(const SourceTable& table, LegacyTable& out) {
  const RowWriter writer(principal_, table.target);
  RollingHash source;
  RollingHash stored;
  std::int64_t found = 0;
  std::int64_t differing = 0;
  for (std::int64_t after = kBeforeAll;;) {
    LB_CO_TRY(batch, read_batch(table, after));
    auto compare = [&](Connection& db) -> Status {
      for (const MappedRow& row : batch.rows) {
        const std::string wanted = writer.text_of(row);
        source.add(wanted);
        LB_TRY(here, writer.stored_text(db, row));
        if (!here) {
          ++out.missing;
          continue;
        }
        ++found;
        differing += *here == wanted ? 0 : 1;
        stored.add(*here);
      }
      return Ok{};
    };
    LB_CO_CHECK(co_await parts_.database.read(actor(), compare));
    tell("verifying", batch.read);
    if (batch.end) break;
    after = batch.last;
  }
  out.source_sha256 = source.text();
  out.stored_sha256 = stored.text();
  const bool equal = out.source_sha256 == out.stored_sha256;
  if (out.missing > 0 || differing != out.differing || equal != (out.missing == 0 && differing == 0)) {
    report_.verified = false;
  }
  co_return Ok{};
}

Task<Status> ImportRun::make_searchable() {
  if (!changed_) co_return Ok{};
  for (std::int64_t after = 0;;) {
    tell("making it searchable", 0);
    auto index = [&](Connection& db) { return parts_.index(db, after); };
    LB_CO_TRY(next, co_await parts_.database.write(kService, index, Durability::ordered));
    if (next == 0) co_return Ok{};
    after = next;
  }
}

Status ImportRun::save_backup() {
  if (changed_) return Ok{};
  changed_ = true;
  if (options_.backup.empty()) return Ok{};
  if (!parts_.backup) {
    report_.notes.emplace_back(
        "this database is on a server: run `librebird backup` before the import, if you want one");
    return Ok{};
  }
  tell("saving our own database", 0);
  LB_CHECK(parts_.backup(options_.backup));
  report_.backup = options_.backup;
  return Ok{};
}

void ImportRun::note(std::string table, std::string id, std::string outcome, std::string reason) {
  if (report_.problems.size() >= kProblemsShown) return;
  report_.problems.push_back({std::move(table), std::move(id), std::move(outcome), std::move(reason)});
}

void ImportRun::tell(std::string_view what, std::int64_t rows) {
  done_ += rows;
  if (progress_) progress_({what, std::min(done_, total_), total_});
}

}  // namespace librebird::storage::legacy
