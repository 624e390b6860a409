#include "person_rows.hpp"

#include <librebird/base/archive.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <filesystem>

namespace librebird::storage {
namespace {

constexpr std::uint64_t kMostUnpacked = 4ULL << 30;
constexpr std::size_t kRowsAtOnce = 500;
constexpr std::size_t kBytesAtOnce = 4 << 20;
constexpr std::size_t kLineLimit = 32 << 20;

Error no_export(std::string_view why) {
  return make_error(
      Code::invalid_argument,
      fmt::format("The archive cannot be used: {}. Take the file that an export of Libre Bird made.", why));
}

Status check_head(const std::string& text) {
  boost::system::error_code failure;
  const boost::json::value head = boost::json::parse(text, failure);
  const auto* object = failure ? nullptr : head.if_object();
  const auto* format = object == nullptr ? nullptr : object->if_contains("format");
  if (format == nullptr || !format->is_string() || format->get_string() != "librebird-export") {
    return no_export("it is no export of a person");
  }
  const auto* version = object->if_contains("version");
  if (version == nullptr || !version->is_int64() || version->get_int64() < 1) return no_export("it names no version");
  if (version->get_int64() > 1) {
    return {Code::failed_precondition, "The archive was made by a newer version of Libre Bird: update this one first."};
  }
  return Ok{};
}

Result<std::int64_t> unpack(ArchiveReader& archive, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  std::int64_t bytes = 0;
  for (;;) {
    LB_TRY(piece, archive.read());
    if (piece.empty()) break;
    if (bytes >> 20 != (bytes + static_cast<std::int64_t>(piece.size())) >> 20) LB_CHECK(leave_room(parent_of(path)));
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    bytes += static_cast<std::int64_t>(piece.size());
  }
  out.close();
  if (!out) return file_error("Cannot write", path, ENOSPC);
  return bytes;
}

}  // namespace

Result<PersonRows> PersonRows::open(const std::string& file, const std::vector<std::string>& tables) {
  LB_TRY(folder, Unfinished::make(file + ".unpacked"));
  PersonRows rows(std::move(folder));
  LB_TRY(archive, ArchiveReader::open(file, kMostUnpacked));
  LB_CHECK(check_head(archive->head()));
  std::vector<std::string> seen;
  for (;;) {
    LB_TRY(member, archive->next());
    if (!member) break;
    if (member->path.starts_with("files/")) {
      UnpackedFile unpacked{member->path.substr(6), rows.folder_.file(fmt::format("{}.file", rows.files_.size())), 0,
                            member->executable};
      LB_TRY(bytes, unpack(*archive, unpacked.place));
      unpacked.bytes = bytes;
      rows.files_.push_back(std::move(unpacked));
      continue;
    }
    if (!member->path.starts_with("data/") || !member->path.ends_with(".jsonl")) continue;
    const std::string table = member->path.substr(5, member->path.size() - 5 - 6);
    if (std::ranges::find(tables, table) == tables.end()) continue;
    if (std::ranges::find(seen, table) != seen.end()) return no_export("it names a table twice");
    seen.push_back(table);
    LB_CHECK(unpack(*archive, rows.folder_.file(table)));
  }
  return rows;
}

Result<std::vector<std::string>> PersonRows::next(const std::string& table, bool first) {
  if (first) lines_ = std::ifstream(folder_.file(table), std::ios::binary);  // not there: a table without rows
  std::vector<std::string> rows;
  std::size_t bytes = 0;
  std::string line;
  while (rows.size() < kRowsAtOnce && bytes < kBytesAtOnce && std::getline(lines_, line)) {
    if (line.size() > kLineLimit) return no_export("one of its rows is too long");
    bytes += line.size();
    rows.push_back(std::move(line));
  }
  return rows;
}

}  // namespace librebird::storage
