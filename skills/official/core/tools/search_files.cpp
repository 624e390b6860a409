// Finds files of the workspace by name, below the work folder only. Symbolic links are not followed.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::skills {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 10;
constexpr std::size_t kMaxVisited = 100'000;
constexpr int kMaxDepth = 32;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// * and ? as in a shell; linear memory, no recursion, so no pattern takes long.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The folder below `root`; an error for one that leads out of it.
Result<fs::path> folder_below(const fs::path& root, const std::string& folder) {
  fs::path inside = fs::path(folder).relative_path().lexically_normal();
  // "/work/notes" names the same folder as "notes".
  if (fs::path(folder).is_absolute()) inside = fs::path(folder).lexically_relative("/work").lexically_normal();
  if (!inside.empty() && *inside.begin() == "..") {
    return make_error(Code::invalid_argument, "The folder must be inside the workspace.");
  }
  const fs::path path = inside == "." ? root : root / inside;
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  const fs::path real_root = fs::canonical(root, error);
  if (error || !fs::is_directory(real, error))
    return make_error(Code::not_found, "There is no such folder in the workspace.");
  if (std::mismatch(real_root.begin(), real_root.end(), real.begin(), real.end()).first != real_root.end()) {
    return make_error(Code::invalid_argument, "The folder must be inside the workspace.");
  }
  return real;
}

}  // namespace

Result<boost::json::object> search_files(const boost::json::object& arguments, ToolContext& context) {
  LB_TRY(query, text_argument(arguments, "query"));
  LB_TRY(folder, text_argument(arguments, "folder", ""));
  boost::json::object result{{"query", query}};
  const fs::path root(context.work_directory);
  auto start = query.empty() ? Result<fs::path>(make_error(Code::invalid_argument, "The query is empty."))
                             : folder_below(root, folder);
  if (!start) {
    result["error"] = start.error().message;
    return result;
  }
  std::string pattern = lower(query);
  if (pattern.find_first_of("*?") == std::string::npos) pattern = "*" + pattern + "*";
  std::vector<std::string> found;
  std::size_t visited = 0;
  std::error_code error;
  fs::recursive_directory_iterator at(*start, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator() && visited < kMaxVisited; at.increment(error), ++visited) {
    if (at.depth() >= kMaxDepth) at.disable_recursion_pending();
    std::error_code ignored;
    if (!fs::is_regular_file(at->symlink_status(ignored))) continue;
    if (matches(pattern, lower(at->path().filename().native())))
      found.push_back(at->path().lexically_relative(*start).native());
  }
  std::ranges::sort(found);
  const std::size_t count = found.size();
  boost::json::array files;
  for (std::size_t i = 0; i < std::min(count, kMaxFiles); ++i) {
    const fs::path inside = start->lexically_relative(fs::canonical(root, error));
    files.emplace_back(inside == "." ? found[i] : (inside / found[i]).native());
  }
  result["files"] = std::move(files);
  result["count"] = count;
  result["note"] = visited >= kMaxVisited ? "Only part of the workspace was searched; name a folder."
                   : count > kMaxFiles    ? "Showing the first 10 files."
                   : count == 0           ? "No file of the workspace matches."
                                          : "Paths are relative to the workspace's folder.";
  return result;
}

}  // namespace librebird::skills
