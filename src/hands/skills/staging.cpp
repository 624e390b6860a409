#include "staging.hpp"

#include <librebird/base/log.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

namespace librebird::hands {
namespace fs = std::filesystem;
namespace {

constexpr auto kKept = std::chrono::hours(1);

Error cannot(const std::string& what, const std::error_code& failure) {
  return make_error(failure == std::errc::no_space_on_device ? Code::unavailable : Code::internal,
                    fmt::format("{}: {}. Check the data folder's space and permissions.", what, failure.message()));
}

Status make_folders(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) return cannot("The folder " + path + " cannot be made", failure);
  return Ok{};
}

// The folder of all skills is ours alone; what is below may be read by whoever a sandbox runs as.
Status make_root(const std::string& skills) {
  LB_CHECK(make_folders(skills));
  ::chmod(skills.c_str(), 0700);
  return Ok{};
}

bool is_older(const fs::path& path, std::chrono::seconds age) {
  std::error_code failure;
  const auto written = fs::last_write_time(path, failure);
  return !failure && fs::file_time_type::clock::now() - written > age;
}

void remove_tree(const fs::path& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (failure) {
    log::warn("a folder of the skills cannot be removed", {{"path", path.string()}, {"cause", failure.message()}});
  }
}

}  // namespace

Result<Staging> Staging::create(const std::string& skills, const std::string& id) {
  LB_CHECK(make_root(skills));
  LB_CHECK(make_folders(skills + "/.staging"));
  std::string path = skills + "/.staging/" + id;
  Fd lock(::open((path + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 || ::mkdir(path.c_str(), 0755) != 0) {
    return cannot("The folder " + path + " cannot be made", std::error_code(errno, std::generic_category()));
  }
  return Staging(std::move(path), std::move(lock));
}

Staging::~Staging() {
  if (path_.empty() || !lock_) return;
  remove_tree(path_);
  ::unlink((path_ + ".lock").c_str());
}

Result<std::string> Staging::make(const std::string& name) {
  std::string path = path_ + "/" + name;
  if (::mkdir(path.c_str(), 0755) != 0) {
    return cannot("The folder " + path + " cannot be made", std::error_code(errno, std::generic_category()));
  }
  return path;
}

std::string version_folder(const std::string& skills, const std::string& workspace, const std::string& name,
                           const std::string& hash) {
  return skills + "/" + workspace + "/" + name + "/" + hash;
}

Result<bool> place_version(const std::string& skills, const std::string& made, const std::string& workspace,
                           const std::string& name, const std::string& hash) {
  LB_CHECK(make_folders(skills + "/" + workspace + "/" + name));
  const std::string place = version_folder(skills, workspace, name, hash);
  if (::rename(made.c_str(), place.c_str()) == 0) return true;
  if (errno == ENOTEMPTY || errno == EEXIST) return false;
  return cannot("The skill cannot be put into " + place, std::error_code(errno, std::generic_category()));
}

void retire(const std::string& skills, const std::string& folder, const std::string& id) {
  const std::string removed = skills + "/.removed";
  if (!make_folders(removed)) return;
  const std::string place = removed + "/" + id;
  if (::rename(folder.c_str(), place.c_str()) != 0) return;  // somebody was faster
  std::error_code ignored;
  fs::last_write_time(place, fs::file_time_type::clock::now(), ignored);
  // The skill's own folder, once its last version is gone.
  ::rmdir(fs::path(folder).parent_path().c_str());
}

void sweep_leftovers(const std::string& skills) {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(skills + "/.staging", failure)) {
    if (entry.path().extension() != ".lock") continue;
    const Fd lock(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;  // its maker lives
    fs::path folder = entry.path();
    remove_tree(folder.replace_extension());
    ::unlink(entry.path().c_str());
  }
  for (const auto& entry : fs::directory_iterator(skills + "/.removed", failure)) {
    if (is_older(entry.path(), kKept)) remove_tree(entry.path());
  }
}

void sweep_orphans(const std::string& skills, const std::set<std::string>& known) {
  std::error_code failure;
  for (const auto& workspace : fs::directory_iterator(skills, failure)) {
    const std::string owner = workspace.path().filename().string();
    if (owner.starts_with('.')) continue;
    for (const auto& skill : fs::directory_iterator(workspace.path(), failure)) {
      for (const auto& version : fs::directory_iterator(skill.path(), failure)) {
        const std::string id =
            owner + "/" + skill.path().filename().string() + "/" + version.path().filename().string();
        if (!known.contains(id) && is_older(version.path(), kKept)) remove_tree(version.path());
      }
    }
  }
}

}  // namespace librebird::hands
