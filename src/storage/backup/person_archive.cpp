#include <librebird/storage/backup/person_archive.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include <librebird/base/archive.hpp>
#include <librebird/base/json_writer.hpp>
#include <librebird/base/utf8.hpp>

#include "file_tree.hpp"
#include "files.hpp"
#include "spool.hpp"

namespace librebird::storage {
namespace {

constexpr std::size_t kMostLeftOutNames = 20;
constexpr std::size_t kBuffered = 256 * 1024;

std::string head_of(const Clock& clock, const std::string& program, const std::string& user_id) {
  const UnixMillis now = clock.unix_now();
  JsonWriter out;
  out.begin_object().field("format", "librebird-export").field("version", 1).field("program", program);
  out.field("created_at", now).field("time", to_rfc3339(now)).field("user_id", user_id).end_object();
  return std::move(out).take();
}

}  // namespace

struct PersonArchive::Impl {
  std::string target;
  Unfinished work;
  Spool rows;   // of the table at hand
  Spool spool;  // of the file at hand
  std::unique_ptr<ArchiveWriter> archive;
  std::string table;
  std::string buffer;
  std::uint64_t written = 0;
  PersonArchiveReport report;

  Impl(std::string name, Unfinished folder)
      : target(std::move(name)), work(std::move(folder)), rows(work.file("rows")), spool(work.file("spool")) {}

  Status flush() {
    if (::pwrite(rows.file(), buffer.data(), buffer.size(), static_cast<off_t>(written)) !=
        static_cast<ssize_t>(buffer.size())) {
      return file_error("Cannot write", work.file("rows"), errno == 0 ? ENOSPC : errno);
    }
    written += buffer.size();
    buffer.clear();
    return Ok{};
  }
  Status end_table() {
    if (table.empty()) return Ok{};
    LB_CHECK(flush());
    LB_CHECK(archive->add_file(fmt::format("data/{}.jsonl", table), rows.file(), written));
    table.clear();
    written = 0;
    return Ok{};
  }
};

PersonArchive::PersonArchive(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PersonArchive::~PersonArchive() = default;

Result<std::unique_ptr<PersonArchive>> PersonArchive::begin(const Clock& clock, const std::string& program,
                                                            const std::string& user_id, const std::string& target) {
  std::error_code failure;
  if (std::filesystem::exists(target, failure)) {
    return {Code::already_exists, fmt::format("{} is there already: choose another name.", target)};
  }
  LB_TRY(work, Unfinished::make(fmt::format("{}/.{}.unfinished", parent_of(target),
                                            std::filesystem::path(target).filename().string())));
  auto impl = std::make_unique<Impl>(target, std::move(work));
  LB_TRY(archive, ArchiveWriter::create(impl->work.file("archive"), head_of(clock, program, user_id)));
  impl->archive = std::move(archive);
  return std::unique_ptr<PersonArchive>(new PersonArchive(std::move(impl)));
}

Status PersonArchive::line(std::string_view table, std::string_view json) {
  if (table != impl_->table) {
    LB_CHECK(impl_->end_table());
    impl_->table = table;
  }
  impl_->buffer += json;
  impl_->buffer += '\n';
  return impl_->buffer.size() < kBuffered ? Status(Ok{}) : impl_->flush();
}

Result<PersonArchiveReport> PersonArchive::finish(const std::string& data_dir, const PersonScope& scope) {
  LB_CHECK(impl_->end_table());
  TreeVisitor visitor;
  visitor.file = [&](const std::string& path, int file, std::uint64_t size, bool executable) -> Status {
    LB_TRY(taken, impl_->spool.take(file, size));
    return impl_->archive->add_file("files/" + path, impl_->spool.file(), taken, executable);
  };
  visitor.left_out = [&](const std::string& path) {
    if (impl_->report.left_out.size() < kMostLeftOutNames) impl_->report.left_out.push_back(to_valid_utf8(path));
  };
  for (const std::string& workspace : scope.workspaces) {
    LB_CHECK(walk(data_dir, fmt::format("skill-data/{}/{}", workspace, scope.user_id), visitor));
  }
  for (const std::string& workspace : scope.own) LB_CHECK(walk(data_dir, "work/" + workspace, visitor));
  LB_CHECK(impl_->archive->finish());
  LB_CHECK(publish(impl_->work.file("archive"), impl_->target, false));
  impl_->report.files = impl_->archive->members();
  impl_->report.bytes = impl_->archive->bytes();
  return impl_->report;
}

Status remove_person_files(const std::string& data_dir, const PersonScope& scope) {
  std::vector<std::string> folders;
  for (const std::string& workspace : scope.workspaces) {
    folders.push_back(fmt::format("{}/skill-data/{}/{}", data_dir, workspace, scope.user_id));
  }
  for (const std::string& workspace : scope.own) {
    for (const std::string_view kind : {"work", "skills", "skill-data"}) {
      folders.push_back(fmt::format("{}/{}/{}", data_dir, kind, workspace));
    }
  }
  for (const std::string& folder : folders) {
    std::error_code failure;
    std::filesystem::remove_all(folder, failure);  // links are removed, not followed
    if (failure) return file_error("Cannot remove the folder", folder, failure.value());
  }
  return Ok{};
}

}  // namespace librebird::storage
