#pragma once

// Files that skills of the desktop app kept, and where the same skills look for them here. Private; blocking.
//
// A skill can write to its folder here, so nothing in it is trusted: no symbolic link is followed.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace librebird::storage::legacy {

struct SkillFile {
  std::string source;  // absolute
  std::string skill;
  std::string name;    // in the skill's folder, may have one folder before it
  [[nodiscard]] std::string path() const { return skill + "/" + name; }
};

// Larger ones are left out.
inline constexpr std::int64_t kLargestSkillFile = 64LL * 1024 * 1024;

// `unknown`: names in the data folder that no skill is known for.
std::vector<SkillFile> skill_files(const std::string& root, std::vector<std::string>& unknown);
// At most kLargestSkillFile bytes; too_large, failed_precondition.
Result<std::string> read_skill_file(const std::string& source);

// The folder that belongs to one user's skills.
class SkillFolder {
 public:
  SkillFolder(std::string root, std::string workspace_id, std::string user_id)
      : root_(std::move(root)), workspace_(std::move(workspace_id)), user_(std::move(user_id)) {}
  // nullopt: there is none. failed_precondition: something else is in its place.
  [[nodiscard]] Result<std::optional<std::string>> read(const SkillFile& file) const;
  // Replaces it as a whole; it is on the disk when this returns.
  [[nodiscard]] Status write(const SkillFile& file, const std::string& content) const;

 private:
  std::string root_;
  std::string workspace_;
  std::string user_;
};

}  // namespace librebird::storage::legacy
