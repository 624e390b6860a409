#pragma once

// One import, from opening the source to the last comparison. Private; on the loop.

#include <librebird/storage/legacy/legacy_importer.hpp>

#include <functional>
#include <string>
#include <vector>

#include "desktop_source.hpp"
#include "row_writer.hpp"
#include "skill_files.hpp"

namespace librebird::storage::legacy {

class ImportRun {
 public:
  ImportRun(const LegacyParts& parts, Principal principal, LegacyImport options, LocalTimes times,
            std::function<void(const LegacyProgress&)> progress);
  Task<Result<LegacyReport>> run();

 private:
  // Some rows of a table as they are to be here.
  struct Batch {
    std::vector<MappedRow> rows;
    std::vector<Kept> kept;
    std::int64_t read = 0;
    std::int64_t last = 0;  // the number of the last row read
    bool end = false;
  };
  // What of a batch is not here yet.
  struct News {
    std::vector<std::size_t> rows;
    std::vector<std::size_t> kept;
    std::vector<std::size_t> differing;
    std::int64_t present = 0;
  };

  [[nodiscard]] const ForeignFile& file_of(const SourceTable& table) const;
  Result<Batch> read_batch(const SourceTable& table, std::int64_t after) const;
  Task<Status> import_table(const SourceTable& table, LegacyTable& out);
  Task<Status> import_batch(const RowWriter& writer, const Batch& batch, LegacyTable& out);
  Task<Status> verify_table(const SourceTable& table, LegacyTable& out);
  Task<Status> make_searchable();

  Task<Status> import_secrets(LegacyTable& out);
  Task<Status> import_secret(std::string scope, std::string name, std::string value, LegacyTable& out);
  Task<Result<bool>> is_alone();
  Task<Status> import_files(LegacyTable& out);
  Task<Status> import_file(const SkillFolder& folder, const SkillFile& file, LegacyTable& out);
  Task<Result<std::string>> noted_hash(std::string path);
  Task<Status> note_hash(std::string path, std::string hash);

  [[nodiscard]] Status save_backup();
  void note(const Kept& kept) { note(kept.source_table, kept.source_id, kept.outcome, kept.reason); }
  void note(std::string table, std::string id, std::string outcome, std::string reason);
  void tell(std::string_view what, std::int64_t rows);
  [[nodiscard]] Actor actor() const { return {principal_.user_id, principal_.workspace_id}; }

  const LegacyParts& parts_;
  const Principal principal_;
  const LegacyImport options_;
  const std::function<void(const LegacyProgress&)> progress_;
  Mapping mapping_;
  DesktopSource source_;
  EnvironmentFile environment_;
  LegacyReport report_;
  bool changed_ = false;
  std::int64_t done_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace librebird::storage::legacy
