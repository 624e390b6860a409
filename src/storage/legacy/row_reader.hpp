#pragma once

// Reads the fields of a foreign row as what they should be, and remembers why one is not. Private; pure.

#include <librebird/base/clock.hpp>
#include <librebird/storage/sqlite/foreign_file.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "local_times.hpp"

namespace librebird::storage::legacy {

class RowReader {
 public:
  // `names` and `row` are in the same order.
  RowReader(std::span<const std::string> names, std::span<const ForeignValue> row) : names_(names), row_(row) {}

  // Text is well-formed afterwards; what was not is replaced and noted as mended.
  std::optional<std::string> text(std::string_view name);
  std::string needed_text(std::string_view name);
  std::optional<std::string> word(std::string_view name, std::initializer_list<std::string_view> allowed);
  std::string needed_word(std::string_view name, std::initializer_list<std::string_view> allowed);
  std::string needed_date(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name);
  std::int64_t needed_integer(std::string_view name);
  std::optional<UnixMillis> time(std::string_view name, const LocalTimes& times, UnixMillis not_before = 0);
  UnixMillis needed_time(std::string_view name, const LocalTimes& times, UnixMillis not_before = 0);
  // A JSON array as text.
  std::optional<std::string> array(std::string_view name);
  // The bytes as they stand there.
  [[nodiscard]] std::string raw(std::string_view name) const;

  // Why the row cannot be taken over; the first reason counts.
  void reject(std::string reason);
  void mend(std::string reason) { mends_.push_back(std::move(reason)); }
  [[nodiscard]] const std::string& rejected() const { return rejected_; }
  [[nodiscard]] const std::vector<std::string>& mends() const { return mends_; }
  // The whole row as JSON, for the quarantine; shortened over 64 KiB a field.
  [[nodiscard]] std::string json() const;

 private:
  const ForeignValue& at(std::string_view name) const;

  std::span<const std::string> names_;
  std::span<const ForeignValue> row_;
  std::string rejected_;
  std::vector<std::string> mends_;
};

// JSON text in which every half of a surrogate pair that stands alone ("\ud83d") is "\ufffd"; how many there were.
int mend_surrogates(std::string& json);

}  // namespace librebird::storage::legacy
