#include "package.hpp"

#include <librebird/base/random.hpp>
#include <librebird/core/manifest/manifest.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

namespace librebird::hands {
namespace {

constexpr std::string_view kManifest = "skill.json";
constexpr std::string_view kInstructions = "SKILL.md";

Error wrong(std::string what) { return make_error(Code::invalid_argument, std::move(what)); }

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}
std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }
std::size_t depth_of(std::string_view folder) {
  return folder.empty() ? 0 : 1 + static_cast<std::size_t>(std::ranges::count(folder, '/'));
}

// The folders with a manifest that are nearest to the root.
Result<std::string> find_skill(const std::vector<TreeFile>& files) {
  std::set<std::string, std::less<>> nearest;
  for (const TreeFile& file : files) {
    if (name_of(file.path) != kManifest && name_of(file.path) != kInstructions) continue;
    const std::string folder(folder_of(file.path));
    if (!nearest.empty() && depth_of(folder) > depth_of(*nearest.begin())) continue;
    if (!nearest.empty() && depth_of(folder) < depth_of(*nearest.begin())) nearest.clear();
    nearest.insert(folder);
  }
  if (nearest.empty()) return wrong("There is no skill in it: no folder holds a skill.json or a SKILL.md.");
  if (nearest.size() == 1) return *nearest.begin();
  std::string names;
  for (const std::string& folder : nearest) {
    if (names.size() > 300) {
      names += ", …";
      break;
    }
    names += (names.empty() ? "" : ", ") + folder;
  }
  return wrong("It holds several skills; name the folder of the one to install: " + names + ".");
}

bool has(const Package& package, std::string_view path) {
  return std::ranges::find(package.files, path) != package.files.end();
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Status check_files(const Package& package) {
  const SkillManifest& manifest = package.manifest;
  if (!manifest.entrypoint.empty() && !has(package, manifest.entrypoint)) {
    return wrong(fmt::format("skill.json, key `entrypoint`: must be a file of the skill's folder; {} is not there.",
                             manifest.entrypoint));
  }
  if (manifest.runtime == "python" && manifest.entrypoint.empty() && !has(package, "__init__.py")) {
    return wrong("The skill has no __init__.py; add it, or name another file with `entrypoint` in skill.json.");
  }
  return Ok{};
}

}  // namespace

Result<SkillManifest> parse_stored(const std::string& kind, const std::string& text, const std::string& tools_json,
                                   const std::vector<std::string>& granted, const std::string& name) {
  if (kind == kInstructions) return manifest::parse_skill_md(text);
  manifest::ManifestOptions options;
  options.folder_name = name;
  options.tools_json = tools_json;
  options.granted = granted;
  return manifest::parse_manifest(text, options);
}

Result<Package> read_package(const std::string& root, const std::vector<TreeFile>& files, const std::string& inner_path,
                             const std::string& folder_name, const std::vector<std::string>& granted) {
  Package package;
  package.inner_path = inner_path;
  if (inner_path.empty()) {
    LB_TRY(found, find_skill(files));
    package.inner_path = std::move(found);
  }
  const std::string prefix = package.inner_path.empty() ? "" : package.inner_path + "/";
  std::vector<TreeFile> own;
  for (const TreeFile& file : files) {
    if (!file.path.starts_with(prefix)) continue;
    own.push_back(file);
    own.back().path.erase(0, prefix.size());
  }
  std::ranges::sort(own, {}, &TreeFile::path);
  std::string listing;
  for (const TreeFile& file : own) {
    package.files.push_back(file.path);
    // A name holds no line feed and no tab (TreeWriter).
    listing += fmt::format("{}\t{}\t{}\t{}\n", file.path, file.executable ? "x" : "-", file.size, file.sha256);
  }
  package.hash = sha256_hex(listing);
  package.kind = has(package, kManifest) ? kManifest : kInstructions;
  if (!has(package, package.kind)) {
    return wrong(fmt::format("There is no skill.json and no SKILL.md in {}.", inner_path));
  }
  const auto listed = std::ranges::find(own, package.kind, &TreeFile::path);
  const std::size_t most = package.kind == kManifest ? manifest::kMaxManifestBytes : manifest::kMaxSkillMdBytes;
  if (listed->size > most) {
    return make_error(Code::too_large,
                      fmt::format("{} is {} bytes long; at most {} are read.", package.kind, listed->size, most));
  }
  package.manifest_text = read_file(root + "/" + prefix + package.kind);
  const std::string name(package.inner_path.empty() ? folder_name : std::string(name_of(package.inner_path)));
  LB_TRY(manifest, parse_stored(package.kind, package.manifest_text, "", granted, name));
  package.manifest = std::move(manifest);
  LB_CHECK(check_files(package));
  return package;
}

}  // namespace librebird::hands
