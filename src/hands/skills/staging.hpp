#pragma once

// Folders of installed versions, and the staging folder in which a version is made before it is put among them.
//
//   skills/<workspace>/<name>/<hash>/{skill,env}    installed versions; nobody writes there again
//   skills/.staging/<id>/                           being made; a lock beside it tells that its maker lives
//   skills/.removed/<id>/                           moved away; deleted after an hour, so that running calls end in
//   peace
//
// Private. Everything blocks: any thread but the loop.

#include <librebird/base/process/process.hpp>
#include <librebird/base/result.hpp>

#include <set>
#include <string>

namespace librebird::hands {

class Staging {
 public:
  // `skills`: the folder of all skills. `id`: unique.
  static Result<Staging> create(const std::string& skills, const std::string& id);
  Staging(Staging&&) = default;
  Staging& operator=(Staging&&) = delete;
  ~Staging();  // deletes what is still there

  [[nodiscard]] const std::string& path() const { return path_; }
  // Makes an empty folder inside.
  Result<std::string> make(const std::string& name);

 private:
  Staging(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;
};

// Moves `made` to skills/<workspace>/<name>/<hash> in one step. False: that version was there already.
Result<bool> place_version(const std::string& skills, const std::string& made, const std::string& workspace,
                           const std::string& name, const std::string& hash);
[[nodiscard]] std::string version_folder(const std::string& skills, const std::string& workspace,
                                         const std::string& name, const std::string& hash);
// Moves a version or a whole skill away.
void retire(const std::string& skills, const std::string& folder, const std::string& id);
// What dead processes left in .staging, and what was moved away an hour ago.
void sweep_leftovers(const std::string& skills);
// Version folders that no row knows ("workspace/name/hash") and that are older than an hour.
void sweep_orphans(const std::string& skills, const std::set<std::string>& known);

}  // namespace librebird::hands
