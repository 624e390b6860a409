#include <librebird/storage/backup/person_keeper.hpp>

#include <librebird/base/async/pool.hpp>
#include <librebird/storage/backup/person_archive.hpp>

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "person_rows.hpp"

namespace librebird::storage {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr int kMostAtOnce = 4;
constexpr std::size_t kMostArriving = 16;

Error busy() {
  Error error = make_error(Code::resource_exhausted, "Other archives are being made: try again in a minute.");
  error.retry_after = Millis(60'000);
  return error;
}

class File final : public PersonFile {
 public:
  File(Pool& pool, int& open, std::string path) : pool_(pool), open_(open), path_(std::move(path)) { ++open_; }
  ~File() override {
    --open_;
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t bytes() const override {
    std::error_code ignored;
    return std::filesystem::file_size(path_, ignored);
  }
  Task<Result<std::string>> read() override {
    const auto work = [this]() -> Result<std::string> {
      if (!in_.is_open()) in_.open(path_, std::ios::binary);
      std::string piece(kPiece, '\0');
      in_.read(piece.data(), static_cast<std::streamsize>(piece.size()));
      if (in_.bad() || !in_.is_open()) return {Code::unavailable, "The archive cannot be read: ask for it again."};
      piece.resize(static_cast<std::size_t>(in_.gcount()));
      return piece;
    };
    auto piece = co_await pool_.run(work);
    if (!piece) co_return busy();
    co_return *std::move(piece);
  }

 private:
  Pool& pool_;
  int& open_;
  std::string path_;
  std::ifstream in_;
};

class Keeper;

// The file is opened and written on the pool, and goes with this.
class Upload final : public PersonUpload {
 public:
  Upload(Keeper& keeper, Principal principal, std::string path)
      : keeper_(keeper), principal_(std::move(principal)), path_(std::move(path)) {}
  ~Upload() override;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  Task<Status> write(std::string bytes) override;
  Task<Result<BroughtReport>> bring(bool dry_run, MayBring may) override;

 private:
  Keeper& keeper_;
  Principal principal_;
  std::string path_;
  std::ofstream out_;
  std::uint64_t written_ = 0;
};

class Keeper final : public PersonKeeper {
 public:
  explicit Keeper(PersonKeeperParts parts)
      : parts_(std::move(parts)), folder_(parts_.data_dir + "/exports"), pool_("person-files", 1, 64) {
    std::error_code ignored;
    if (parts_.sweep) std::filesystem::remove_all(folder_, ignored);
  }

  Task<Result<std::unique_ptr<PersonFile>>> take_along(std::string user_id) override {
    if (open_ >= kMostAtOnce) co_return busy();
    auto file = std::make_unique<File>(pool_, open_, fmt::format("{}/{}.tar.gz", folder_, parts_.ids.next()));
    LB_CO_TRY(scope, co_await parts_.persons.scope(user_id));
    const auto begin = [&]() -> Result<std::unique_ptr<PersonArchive>> {
      std::error_code failure;
      std::filesystem::create_directories(folder_, failure);
      ::chmod(folder_.c_str(), 0700);
      return PersonArchive::begin(parts_.clock, parts_.program, user_id, file->path());
    };
    auto begun = co_await pool_.run(begin);
    if (!begun) co_return busy();
    LB_CO_TRY(archive, *std::move(begun));
    PersonArchive* out = archive.get();
    PersonStore::Line line = [out](std::string_view table, std::string_view json) { return out->line(table, json); };
    LB_CO_CHECK(co_await parts_.persons.read_all(user_id, std::move(line)));
    const auto finish = [&] { return out->finish(parts_.data_dir, scope); };
    auto done = co_await pool_.run(finish);
    if (!done) co_return busy();
    LB_CO_CHECK(*std::move(done));
    co_return std::unique_ptr<PersonFile>(std::move(file));
  }

  Task<Result<BroughtReport>> bring(Principal principal, std::string file, bool dry_run, MayBring may) override {
    if (bringing_ >= kMostAtOnce) co_return busy();
    const Counted counted(bringing_);
    const std::vector<std::string> tables = parts_.persons.brought_tables();
    std::optional<PersonRows> rows;
    const auto open = [&]() -> Status {
      LB_TRY(opened, PersonRows::open(file, tables));
      rows.emplace(std::move(opened));
      return Ok{};
    };
    auto opened = co_await pool_.run(open);
    if (!opened) co_return busy();
    LB_CO_CHECK(*opened);
    // All of it is looked at before the first row is written.
    LB_CO_TRY(scope, co_await parts_.persons.scope(principal.user_id));
    const bool own = std::ranges::find(scope.own, principal.workspace_id) != scope.own.end();
    const FilesTarget target{parts_.data_dir, principal, own};
    LB_CO_TRY(looked, co_await bring_all(target, *rows, tables, true));
    if (may) LB_CO_CHECK(co_await may(looked.bytes));
    if (dry_run) co_return looked;
    LB_CO_TRY(report, co_await bring_all(target, *rows, tables, false));
    AuditEvent event;
    event.kind = AuditKind::account;
    event.principal = std::move(principal);
    event.subject = "imported";
    event.detail = fmt::format("an export: {} rows, {} files", rows_of(report), report.files.added);
    LB_CO_CHECK(co_await parts_.audit.append(std::move(event)));
    co_return report;
  }

  Result<std::unique_ptr<PersonUpload>> receive(Principal principal) override {
    if (arriving_.contains(principal.user_id)) {
      return {Code::resource_exhausted,
              "An archive of yours is on its way already: wait until it has been brought in."};
    }
    if (arriving_.size() >= kMostArriving) return busy();
    arriving_.insert(principal.user_id);
    std::string path = fmt::format("{}/{}.import", folder_, parts_.ids.next());
    return std::unique_ptr<PersonUpload>(std::make_unique<Upload>(*this, std::move(principal), std::move(path)));
  }

  Task<Result<PersonScope>> erase(std::string user_id) override {
    LB_CO_TRY(scope, co_await parts_.persons.may_erase(user_id));
    LB_CO_TRY(account, co_await parts_.accounts.get(user_id));
    // No session goes on meanwhile. Then the files: if this is interrupted, the account is still there to be named.
    LB_CO_CHECK(co_await parts_.accounts.set_disabled(account.principal, true));
    const auto remove = [&] { return remove_person_files(parts_.data_dir, scope); };
    auto removed = co_await pool_.run(remove);
    if (!removed) co_return busy();
    LB_CO_CHECK(*std::move(removed));
    LB_CO_CHECK(co_await parts_.persons.erase(user_id));
    LB_CO_TRY(owner, co_await parts_.identities.ensure_owner());
    AuditEvent event;
    event.kind = AuditKind::account;
    event.principal = owner;
    event.subject = "erased";
    event.detail = "an account and all that was its own";
    LB_CO_CHECK(co_await parts_.audit.append(std::move(event)));
    auto scrubbed = co_await pool_.run(parts_.scrub);
    if (!scrubbed) co_return busy();
    LB_CO_CHECK(*std::move(scrubbed));
    co_return scope;
  }

 private:
  struct Counted {
    explicit Counted(int& number) : number_(number) { ++number_; }
    ~Counted() { --number_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    int& number_;
  };
  Task<Result<BroughtReport>> bring_all(FilesTarget target, PersonRows& rows, std::vector<std::string> tables,
                                        bool dry_run) {
    LB_CO_TRY(report, co_await bring_tables(target.principal, rows, std::move(tables), dry_run));
    const auto place = [&] { return place_files(rows.files(), target, dry_run); };
    auto placed = co_await pool_.run(place);
    if (!placed) co_return busy();
    LB_CO_TRY(files, *std::move(placed));
    report.files = files;
    report.bytes += files.bytes;
    co_return report;
  }

  static std::int64_t rows_of(const BroughtReport& report) {
    std::int64_t added = 0;
    for (const auto& [table, rows] : report.tables) added += rows.added;
    return added;
  }

  Task<Result<BroughtReport>> bring_tables(Principal principal, PersonRows& rows, std::vector<std::string> tables,
                                           bool dry_run) {
    BroughtReport report;
    for (const std::string& table : tables) {
      BroughtRows sum;
      for (bool first = true;; first = false) {
        const auto read = [&] { return rows.next(table, first); };
        auto batch = co_await pool_.run(read);
        if (!batch) co_return busy();
        LB_CO_TRY(lines, *std::move(batch));
        if (lines.empty()) break;
        LB_CO_TRY(done, co_await parts_.persons.bring_in(principal, table, std::move(lines), dry_run));
        sum.added += done.added;
        sum.known += done.known;
        sum.left_out += done.left_out;
        sum.bytes += done.bytes;
      }
      if (sum.added + sum.known + sum.left_out == 0) continue;
      report.bytes += sum.bytes;
      report.tables.emplace_back(table, sum);
    }
    co_return report;
  }

  friend class Upload;

  PersonKeeperParts parts_;
  std::string folder_;
  int open_ = 0;
  int bringing_ = 0;
  std::set<std::string, std::less<>> arriving_;  // users
  Pool pool_;
};

Upload::~Upload() {
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  keeper_.arriving_.erase(principal_.user_id);
}

Task<Status> Upload::write(std::string bytes) {
  written_ += bytes.size();
  const std::uint64_t most = keeper_.parts_.upload_limit;
  if (written_ > most) {
    co_return make_error(Code::too_large,
                         fmt::format("The archive has more than {} MB: the operator can raise `server.import_mb`, or "
                                     "bring it in with `librebird user import`.",
                                     most / 1'000'000));
  }
  const auto keep = [&]() -> Status {
    if (!out_.is_open()) {
      std::error_code failure;
      std::filesystem::create_directories(keeper_.folder_, failure);
      ::chmod(keeper_.folder_.c_str(), 0700);
      out_.open(path_, std::ios::binary);
    }
    LB_CHECK(leave_room(keeper_.folder_));
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out_) return {Code::unavailable, "The archive cannot be kept: is the disk of the server full?"};
    return Ok{};
  };
  auto kept = co_await keeper_.pool_.run(keep);
  if (!kept) co_return busy();
  co_return *std::move(kept);
}

Task<Result<BroughtReport>> Upload::bring(bool dry_run, MayBring may) {
  const auto close = [&]() -> Status {
    if (out_.is_open()) out_.close();
    if (!out_) return {Code::unavailable, "The archive cannot be kept: is the disk of the server full?"};
    return Ok{};
  };
  auto closed = co_await keeper_.pool_.run(close);
  if (!closed) co_return busy();
  LB_CO_CHECK(*closed);
  co_return co_await keeper_.bring(principal_, path_, dry_run, std::move(may));
}

}  // namespace

std::unique_ptr<PersonKeeper> make_person_keeper(PersonKeeperParts parts) {
  return std::make_unique<Keeper>(std::move(parts));
}

}  // namespace librebird::storage
