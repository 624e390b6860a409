#pragma once

// All that is kept of one person, in every workspace: to be given, and to be erased.
//
// Thread rule: loop only. Whoever calls this has seen that the caller is that person, or the operator.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

// Where a person's files are, and what goes with the person.
struct PersonScope {
  std::string user_id;
  std::vector<std::string> workspaces;  // all that the person is a member of
  std::vector<std::string> own;         // of these: the person's alone, which go with him
};

// What became of rows of an export that were brought in.
struct BroughtRows {
  std::int64_t added = 0;
  std::int64_t known = 0;     // there already, from the export or from an earlier time it was brought in
  std::int64_t left_out = 0;  // has no place here: written into conversations of others, files of shared work, ...
  std::int64_t bytes = 0;     // of messages or files that were added
};

class PersonStore {
 public:
  virtual ~PersonStore() = default;

  // not_found: there is no such user.
  virtual Task<Result<PersonScope>> scope(std::string user_id) = 0;
  // The same, if the person can be erased. failed_precondition: he owns a workspace with other members in it, which has
  // to be handed over first; or it is the first account, which is the operator's.
  virtual Task<Result<PersonScope>> may_erase(std::string user_id) = 0;
  // Every row that is the person's, as one JSON object a line, as of one moment. `line` is called on another thread
  // while the caller waits. No hash, token or sealed value is among them.
  using Line = std::function<Status(std::string_view table, std::string_view json)>;
  virtual Task<Status> read_all(std::string user_id, Line line) = 0;
  // The tables that are brought in, in that order: what a row refers to comes before it.
  virtual std::vector<std::string> brought_tables() = 0;
  // Adds rows of one of these tables, as read_all() gave them, to the principal's workspace as his own: all or none.
  // Their ids are made of the old ones and the principal, so that doing it again adds nothing, and an id in the file
  // never reaches a row of anybody else. `dry_run`: everything is read and checked, and nothing added; what refers to a
  // row that is not there yet counts as added. invalid_argument: a row is not what an export holds.
  virtual Task<Result<BroughtRows>> bring_in(Principal principal, std::string table, std::vector<std::string> rows,
                                             bool dry_run) = 0;
  // Removes the person: in one transaction, from every table and from the search index. What he wrote into others'
  // conversations becomes empty there, with the answers to it. The audit log keeps his id, which is then nobody's.
  // Errors: those of may_erase().
  virtual Task<Status> erase(std::string user_id) = 0;
};

}  // namespace librebird
