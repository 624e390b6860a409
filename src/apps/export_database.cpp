#include "export_database.hpp"

namespace librebird::apps {
namespace {

Task<int> copy(Storage& from, Storage& to, Status& outcome) {
  auto report = co_await from.copy_to(to, {});
  if (!report) {
    outcome = report.error();
  } else if (!report->verified) {
    outcome = make_error(Code::data_loss, "The copy of the database differs from it: look at the disk, and try again.");
  }
  co_return 0;
}

Task<int> fill(Storage& to, Storage& from, bool replace, Status& outcome) {
  auto report = co_await to.restore_from(from, replace, {});
  if (!report) outcome = report.error();
  co_return 0;
}

}  // namespace

bool is_on_server(const Platform& p) { return !p.config.text("storage.url").empty(); }

Status export_database(Platform& p, const std::string& file) {
  LB_TRY(options, p.storage_options());
  options.create = false;
  options.migrate = false;  // whoever saves a database before an update wants it as it is
  StorageOptions to;
  to.path = file;
  LB_TRY(source, Storage::open(p.loop, p.clock, p.ids, std::move(options)));
  LB_TRY(target, Storage::open(p.loop, p.clock, p.ids, std::move(to)));
  Status outcome = Ok{};
  (void)p.run([&] { return copy(*source, *target, outcome); });
  return outcome;
}

Status import_database(Platform& p, const std::string& file, bool replace) {
  LB_TRY(options, p.storage_options());
  options.migrate = replace;  // a database that is refused is not changed
  StorageOptions from;
  from.path = file;
  LB_TRY(source, Storage::open(p.loop, p.clock, p.ids, std::move(from)));
  LB_TRY(target, Storage::open(p.loop, p.clock, p.ids, std::move(options)));
  Status outcome = Ok{};
  (void)p.run([&] { return fill(*target, *source, replace, outcome); });
  return outcome;
}

}  // namespace librebird::apps
