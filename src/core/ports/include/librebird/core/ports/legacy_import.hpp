#pragma once

// Port: moving in from the desktop app (docs/moving-in.md). Takes its database, its settings and the files of its
// skills into one user's part of a workspace.
//
// Nothing is written to the source. Running it again changes nothing and adds what is new; killed at any moment, the
// next run ends with the same result. A row that is there already stays as it is. What cannot be taken over is kept in
// quarantine with a reason, and counted.
// Thread rule: run() on the loop, which it blocks while it reads files: for an operator's own process, not a server.
// Errors, before anything is written: not_found (no such file, user or workspace), data_loss (damaged, or not a
// database), failed_precondition (of a newer version, another program's, in use all the time), invalid_argument.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace librebird {

struct LegacyImport {
  std::string path;         // the installation's folder, or its database
  std::string knowledge;    // the folder of its document store; empty: none
  std::string timezone;     // in which its times were written, "Europe/Berlin"; empty: this machine's
  std::string skill_data;   // where skills keep their files here; empty: files are left out
  std::string backup;       // where our own database is saved before the first change; empty: nowhere
  bool dry_run = false;     // only tells what would happen
  bool skip_unknown = false;  // go on although there are tables or columns nobody knows
};

// One table, or one kind of file, of the source.
struct LegacyTable {
  std::string name;
  std::int64_t found = 0;
  std::int64_t imported = 0;  // with dry_run: would be
  std::int64_t present = 0;   // were here already
  std::int64_t differing = 0; // are here with another content, and stay so
  std::int64_t left_out = 0;  // in quarantine
  std::int64_t mended = 0;    // taken over with a part that is no text replaced
  std::int64_t missing = 0;   // after the import: should be here and are not
  std::string source_sha256;  // of all rows as they should be here
  std::string stored_sha256;  // of all rows as they are here
};

struct LegacyProblem {
  std::string table;
  std::string id;
  std::string outcome;  // left_out, mended, differs
  std::string reason;
};

struct LegacyReport {
  std::vector<LegacyTable> tables;
  std::vector<LegacyProblem> problems;  // the first thousand
  std::vector<std::string> notes;
  std::string backup;  // the file; empty: nothing was changed, or none was wanted
  bool verified = false;
};

struct LegacyProgress {
  std::string_view what;
  std::int64_t done = 0;  // rows, of both passes
  std::int64_t total = 0;
};

class LegacyImporter {
 public:
  virtual ~LegacyImporter() = default;
  // Whose part of which workspace: a user by e-mail address or id (empty: the owner), a workspace by id (empty: the
  // one the user owns, else the first it is a member of). not_found.
  virtual Task<Result<Principal>> find_member(std::string user, std::string workspace) = 0;
  virtual Task<Result<LegacyReport>> run(Principal principal, LegacyImport options,
                                         std::function<void(const LegacyProgress&)> progress) = 0;
};

}  // namespace librebird
