// Secrets and files: what does not become a row.
#include "import_run.hpp"

#include <librebird/base/random.hpp>

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace librebird::storage::legacy {
namespace {

// Private to the person.
constexpr const char* kOwnScope = "user/legacy";

struct SkillKey {
  std::string_view name;
  std::string_view skill;
};
constexpr std::array<SkillKey, 3> kSkillKeys{
    {{"GITHUB_TOKEN", "github"}, {"DEEPL_API_KEY", "translate"}, {"WOLFRAM_APP_ID", "wikipedia"}}};

std::string scope_of(std::string_view name, bool alone) {
  for (const SkillKey& key : kSkillKeys) {
    if (alone && key.name == name) return "skill/" + std::string(key.skill);
  }
  return kOwnScope;
}

}  // namespace

Task<Result<bool>> ImportRun::is_alone() {
  auto count = [&](Connection& db) -> Result<bool> {
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(members,
           db.one("SELECT COUNT(*) FROM workspace_members WHERE workspace_id = $1", number, principal_.workspace_id));
    return members.value_or(0) == 1;
  };
  co_return co_await parts_.database.read(kService, count);  // a person does not see the others
}

Task<Status> ImportRun::import_secrets(LegacyTable& out) {
  LB_CO_TRY(alone, co_await is_alone());
  for (const int line : environment_.bad_lines) {
    ++out.found;
    ++out.left_out;
    note(out.name, fmt::format(".env:{}", line), "left_out", "it is no KEY=VALUE");
  }
  for (const auto& [name, value] : environment_.values) {
    LB_CO_CHECK(co_await import_secret(scope_of(name, alone), name, value, out));
  }
  for (const auto& [name, value] : mapping_.secrets()) {
    LB_CO_CHECK(co_await import_secret(kOwnScope, name, value, out));
  }
  co_return Ok{};
}

Task<Status> ImportRun::import_secret(std::string scope, std::string name, std::string value, LegacyTable& out) {
  ++out.found;
  auto known = co_await parts_.secrets.get(principal_, scope, name);
  if (known && *known == value) {
    ++out.present;
  } else if (known) {
    ++out.differing;
    note(out.name, scope + " " + name, "differs", "another value is set here; it stays");
  } else if (options_.dry_run) {
    ++out.imported;
  } else if (known.error().code != Code::not_found) {
    co_return known.error();
  } else {
    LB_CO_CHECK(save_backup());
    const Status put = co_await parts_.secrets.put(principal_, scope, name, value);
    if (!put && (put.error().code == Code::invalid_argument || put.error().code == Code::resource_exhausted)) {
      ++out.left_out;
      note(out.name, scope + " " + name, "left_out", put.error().message);
    } else if (!put) {
      co_return put.error();
    } else {
      ++out.imported;
      auto stored = co_await parts_.secrets.get(principal_, scope, name);
      if (!stored || *stored != value) ++out.missing;
      if (stored) ::explicit_bzero(stored->data(), stored->size());
    }
  }
  if (known) ::explicit_bzero(known->data(), known->size());
  ::explicit_bzero(value.data(), value.size());
  co_return Ok{};
}

Task<Status> ImportRun::import_files(LegacyTable& out) {
  std::vector<std::string> unknown;
  const std::vector<SkillFile> files = skill_files(source_.root, unknown);
  if (!unknown.empty()) {
    report_.notes.push_back(
        fmt::format("no skill is known for these, they stay where they are: {}", fmt::join(unknown, ", ")));
  }
  if (options_.skill_data.empty()) co_return Ok{};
  const SkillFolder folder(options_.skill_data, principal_.workspace_id, principal_.user_id);
  for (const SkillFile& file : files) LB_CO_CHECK(co_await import_file(folder, file, out));
  co_return Ok{};
}

Task<Status> ImportRun::import_file(const SkillFolder& folder, const SkillFile& file, LegacyTable& out) {
  ++out.found;
  const auto content = read_skill_file(file.source);
  if (!content) {
    ++out.left_out;
    note(out.name, file.path(), "left_out", content.error().message);
    co_return Ok{};
  }
  const std::string hash = sha256_hex(*content);
  const auto here = folder.read(file);
  const std::string here_hash = here && *here ? sha256_hex(**here) : "";
  LB_CO_TRY(noted, co_await noted_hash(file.path()));
  if (here_hash == hash) {
    ++out.present;
    // A run that was killed may have written the file only.
    if (noted != hash && !options_.dry_run) LB_CO_CHECK(co_await note_hash(file.path(), hash));
    co_return Ok{};
  }
  if (!here || *here) {
    // The same as it was when it was imported: only the source went on.
    if (!here || noted != here_hash) {
      ++out.differing;
      note(out.name, file.path(), "differs",
           here ? "there is another file here; it stays as it is" : here.error().message);
      co_return Ok{};
    }
  }
  ++out.imported;
  if (options_.dry_run) co_return Ok{};
  LB_CO_CHECK(save_backup());
  LB_CO_CHECK(folder.write(file, *content));
  LB_CO_CHECK(co_await note_hash(file.path(), hash));
  const auto stored = folder.read(file);
  if (!stored || *stored != content.value()) ++out.missing;
  co_return Ok{};
}

Task<Result<std::string>> ImportRun::noted_hash(std::string path) {
  auto find = [&](Connection& db) -> Result<std::string> {
    auto text = [](const Row& row) { return row.string(0); };
    LB_TRY(hash, db.one("SELECT sha256 FROM legacy_files WHERE workspace_id = $1 AND user_id = $2 AND path = $3", text,
                        principal_.workspace_id, principal_.user_id, path));
    return hash.value_or("");
  };
  co_return co_await parts_.database.read(actor(), find);
}

Task<Status> ImportRun::note_hash(std::string path, std::string hash) {
  auto write = [&](Connection& db) -> Status {
    LB_CHECK(
        db.execute("INSERT INTO legacy_files (workspace_id, user_id, path, sha256) VALUES ($1, $2, $3, $4) "
                   "ON CONFLICT (workspace_id, user_id, path) DO UPDATE SET sha256 = excluded.sha256",
                   principal_.workspace_id, principal_.user_id, path, hash));
    return Ok{};
  };
  co_return co_await parts_.database.write(actor(), write);
}

}  // namespace librebird::storage::legacy
