#pragma once

// Files and folders that are made whole or not at all. Private. Blocking.

#include <librebird/base/result.hpp>

#include <string>

namespace librebird::storage {

[[nodiscard]] Error file_error(const std::string& what, const std::string& path, int number);

// unavailable: what is written there now would take the room that the database needs to go on.
Status leave_room(const std::string& folder);

// A folder for what is not finished yet, removed with this object unless it was kept. Its name is `place` with
// `suffix`; what a killed predecessor left there is removed first.
// failed_precondition: another process works in it.
class Unfinished {
 public:
  static Result<Unfinished> make(std::string folder);
  ~Unfinished();
  Unfinished(Unfinished&& other) noexcept;
  Unfinished& operator=(Unfinished&&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string file(std::string_view name) const { return folder_ + "/" + std::string(name); }
  // It is finished: it stays, and is no longer marked.
  Status keep();

 private:
  Unfinished(std::string folder, int lock) : folder_(std::move(folder)), lock_(lock) {}
  std::string folder_;
  int lock_ = -1;
};

Status sync_folder(const std::string& folder);
[[nodiscard]] std::string parent_of(const std::string& path);

}  // namespace librebird::storage
