// A row of the desktop app's database, its times and its .env file, with anything in them: what is taken over is clean
// text, and what is kept in quarantine is JSON.
// fuzz-links: librebird_storage_legacy librebird_storage_sqlite
#include <librebird/base/utf8.hpp>

#include <boost/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "desktop_source.hpp"
#include "local_times.hpp"
#include "row_reader.hpp"

namespace legacy = librebird::storage::legacy;
using librebird::storage::ForeignValue;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

bool is_clean(const std::string& text) { return librebird::is_utf8(text) && text.find('\0') == std::string::npos; }

void check_row(const std::vector<ForeignValue>& row) {
  static const auto zone = legacy::LocalTimes::in("Europe/Berlin");
  const std::vector<std::string> names{"a"};
  const auto read = [&](auto field) {
    legacy::RowReader reader(names, row);
    field(reader);
    boost::system::error_code failure;
    (void)boost::json::parse(reader.json(), failure);
    demand(!failure);
  };
  read([](legacy::RowReader& r) { demand(is_clean(r.needed_text("a"))); });
  read([](legacy::RowReader& r) {
    const auto time = r.time("a", *zone);
    demand(!time || (*time > -70'000'000'000'000 && *time < 260'000'000'000'000));
  });
  read([](legacy::RowReader& r) {
    const std::string date = r.needed_date("a");
    demand(!r.rejected().empty() || date.size() == 10);
  });
  read([](legacy::RowReader& r) {
    const auto array = r.array("a");
    if (!array || !r.rejected().empty()) return;
    std::string again = *array;
    demand(legacy::mend_surrogates(again) == 0 && again == *array);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  check_row({{ForeignValue::Type::text, 0, 0, bytes}});
  check_row({{ForeignValue::Type::blob, 0, 0, bytes}});
  check_row({{ForeignValue::Type::integer, static_cast<std::int64_t>(size), 0, ""}});
  for (const auto& [name, value] : legacy::parse_environment(bytes).values) {
    demand(!name.empty() && !value.empty() && name.find('=') == std::string::npos);
    demand(value.find('\n') == std::string::npos);
  }
  return 0;
}
