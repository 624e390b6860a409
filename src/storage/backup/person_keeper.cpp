#include <librebird/storage/backup/person_keeper.hpp>

#include <librebird/base/async/pool.hpp>
#include <librebird/storage/backup/person_archive.hpp>

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace librebird::storage {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr int kMostAtOnce = 4;

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
  PersonKeeperParts parts_;
  std::string folder_;
  int open_ = 0;
  Pool pool_;
};

}  // namespace

std::unique_ptr<PersonKeeper> make_person_keeper(PersonKeeperParts parts) {
  return std::make_unique<Keeper>(std::move(parts));
}

}  // namespace librebird::storage
