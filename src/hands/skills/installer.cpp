#include "installer.hpp"

#include <librebird/base/utf8.hpp>
#include <librebird/core/manifest/manifest.hpp>
#include <librebird/hands/protocol/tool_protocol.hpp>

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "git_source.hpp"
#include "sources.hpp"

namespace librebird::hands {
namespace {

constexpr std::size_t kMostDescribed = 1 << 20;
constexpr int kWhoAreYou = 401;
constexpr int kNotYou = 403;

Status check_source(const SkillSource& source) {
  const int given = !source.folder.empty() + !source.git_url.empty() + !source.archive.empty();
  if (given != 1) {
    return make_error(Code::invalid_argument, "Name one source of the skill: a folder, a git address or an archive.");
  }
  if (!source.folder.empty() && !source.operator_asks) {
    return make_error(Code::permission_denied, "Folders of the server are installed on its command line only.");
  }
  if (!source.folder.empty() && source.folder.front() != '/') {
    return make_error(Code::invalid_argument, "The folder must be an absolute path.");
  }
  if (!source.inner_path.empty() && !manifest::is_inner_path(source.inner_path)) {
    return make_error(Code::invalid_argument, "The path inside must be relative, without \"..\".");
  }
  LB_CHECK(manifest::grant(source.granted));
  return Ok{};
}

std::string origin_of(const SkillSource& source) {
  if (!source.folder.empty()) {
    return "folder:" + source.folder + (source.inner_path.empty() ? "" : "/" + source.inner_path);
  }
  if (!source.git_url.empty()) {
    return fmt::format("git:{}#{}{}{}", source.git_url, source.git_ref, source.inner_path.empty() ? "" : ":",
                       source.inner_path);
  }
  return "archive:" + (source.archive_name.empty() ? std::string("upload") : source.archive_name.substr(0, 200));
}

// "pkg-1.2.tar.gz" is named pkg-1.2.
std::string stem_of(const SkillSource& source) {
  std::string path = !source.folder.empty()    ? source.folder
                     : !source.git_url.empty() ? source.git_url
                                               : source.archive_name;
  while (path.ends_with('/')) path.pop_back();
  std::string name = path.substr(path.rfind('/') + 1);
  for (const std::string_view end : {".git", ".zip", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar"}) {
    if (name.ends_with(end)) return name.substr(0, name.size() - end.size());
  }
  return name;
}

// What a program said, as the end of a sentence of ours.
std::string sentence(std::string_view words) {
  std::string text(utf8_prefix(words, 1000));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.ends_with('.') ? text : text + ".";
}

// Moves the skill's own folder out of what was unpacked, and makes the empty folder beside it.
Status arrange(const std::string& unpacked, const std::string& inner_path, const std::string& version) {
  const std::string from = inner_path.empty() ? unpacked : unpacked + "/" + inner_path;
  if (::rename(from.c_str(), (version + "/skill").c_str()) != 0 || ::mkdir((version + "/env").c_str(), 0755) != 0) {
    return make_error(Code::internal, "The skill's files cannot be moved; check the data folder's space.");
  }
  return Ok{};
}

}  // namespace

Result<SkillSource> source_of(const std::string& origin) {
  SkillSource source;
  if (origin.starts_with("folder:")) {
    source.folder = origin.substr(7);
    return source;
  }
  if (const std::size_t hash = origin.rfind('#'); origin.starts_with("git:") && hash != std::string::npos) {
    source.git_url = origin.substr(4, hash - 4);
    source.git_ref = origin.substr(hash + 1);
    if (const std::size_t colon = source.git_ref.find(':'); colon != std::string::npos) {
      source.inner_path = source.git_ref.substr(colon + 1);
      source.git_ref.resize(colon);
    }
    return source;
  }
  return make_error(Code::failed_precondition,
                    "The skill came as an archive, which cannot be fetched again: give the new archive.");
}

Installer::Installer(IdGenerator& ids, std::string skills_folder, FindSandbox sandbox, FindRuntime runtime,
                     egress::Fence& fence)
    : ids_(ids),
      skills_folder_(std::move(skills_folder)),
      runtime_(std::move(runtime)),
      build_(std::move(sandbox), fence) {}

Task<Result<Unpacked>> Installer::unpack(SkillSource source, std::stop_token stop) {
  LB_CO_CHECK(check_source(source));
  if (!source.git_url.empty()) {
    LB_CO_TRY(git, check_git(source.git_url, source.git_ref, source.operator_asks));
    source.git_url = std::move(git.url);
  }
  Unpacked out;
  out.origin = origin_of(source);
  const std::string stem = stem_of(source);
  const std::string inner = source.inner_path;
  const std::vector<std::string> granted = source.granted;
  const std::string id = ids_.next();
  auto make = [this, id]() -> Result<std::unique_ptr<Staging>> {
    LB_TRY(staging, Staging::create(skills_folder_, id));
    for (const char* name : {"unpacked", "version"}) LB_CHECK(staging.make(name));
    return std::make_unique<Staging>(std::move(staging));
  };
  LB_CO_TRY(staging, co_await blocking(make));
  out.staging = std::move(staging);
  out.version = out.staging->path() + "/version";
  const std::string unpacked = out.staging->path() + "/unpacked";
  LB_CO_TRY(files, co_await read_source(std::move(source), out.staging->path(), unpacked, stop));
  const std::string version = out.version;
  auto read = [unpacked, version, files = std::move(files), inner, stem, granted]() -> Result<Package> {
    LB_TRY(package, read_package(unpacked, files, inner, stem, granted));
    LB_CHECK(arrange(unpacked, package.inner_path, version));
    return package;
  };
  LB_CO_TRY(package, co_await blocking(read));
  out.package = std::move(package);
  out.package.manifest.directory = version + "/skill";
  out.package.manifest.env_directory = version + "/env";
  co_return out;
}

Task<Result<std::vector<TreeFile>>> Installer::read_source(SkillSource source, std::string staging, std::string target,
                                                           std::stop_token stop) {
  std::string folder = source.folder;
  if (!source.git_url.empty()) {
    // What git leaves behind is a stranger's work as much as an archive is: it is copied under the same rules.
    const std::string fetched = staging + "/git";
    if (::mkdir(fetched.c_str(), 0700) != 0) {
      co_return make_error(Code::internal, "The staging folder cannot be written; check the data folder's space.");
    }
    LB_CO_TRY(git, check_git(source.git_url, source.git_ref, source.operator_asks));
    LB_CO_CHECK(co_await fetch_git(build_, std::move(git), fetched, stop));
    folder = fetched + "/repository";
  }
  auto fill = [target, folder, archive = std::move(source.archive)]() -> Result<std::vector<TreeFile>> {
    TreeWriter tree(target);
    LB_CHECK(folder.empty() ? unpack_archive(archive, tree) : copy_folder(folder, tree));
    return tree.take_files();
  };
  co_return co_await blocking(std::move(fill));
}

Task<Result<std::string>> Installer::ask_server(SkillManifest manifest, Credentials credentials, std::stop_token stop) {
  LB_CO_TRY(runtime, runtime_(manifest));
  co_return co_await describe(*runtime, manifest, {}, std::move(credentials), stop);
}

Task<Result<Ready>> Installer::make_ready(const Unpacked& unpacked, std::vector<std::string> granted,
                                          Credentials credentials, std::stop_token stop) {
  const Package& package = unpacked.package;
  Ready ready{package.manifest, {}};
  if (ready.manifest.runtime == kInstructionSkill) co_return ready;
  LB_CO_TRY(runtime, runtime_(ready.manifest));
  LB_CO_CHECK(co_await runtime->prepare(ready.manifest, ready.manifest.directory, build_, stop));
  if (runtime->describes(ready.manifest)) {
    auto tools = co_await describe(*runtime, ready.manifest, unpacked.staging->path(), std::move(credentials), stop);
    if (!tools && tools.error().code == Code::unauthenticated) co_return ready;
    if (!tools) co_return std::move(tools).error();
    LB_CO_TRY(manifest, parse_stored(package.kind, package.manifest_text, *tools, granted, package.manifest.name));
    manifest.directory = ready.manifest.directory;
    manifest.env_directory = ready.manifest.env_directory;
    ready = {std::move(manifest), *std::move(tools)};
  }
  if (ready.manifest.tools.empty()) {
    co_return make_error(Code::invalid_argument, fmt::format("The skill {} offers no tools.", ready.manifest.name));
  }
  co_return ready;
}

Task<Result<std::string>> Installer::describe(ToolRuntime& runtime, const SkillManifest& manifest, std::string staging,
                                              Credentials credentials, std::stop_token stop) {
  ToolSpec none;
  none.skill = manifest.name;
  LB_CO_TRY(spec, runtime.plan(manifest, none));
  if (!spec.user_folder.empty()) {
    // What it writes while it is asked is nobody's.
    staging += "/asked";
    if (::mkdir(staging.c_str(), 0700) != 0) {
      co_return make_error(Code::internal, "The staging folder cannot be written; check the data folder's space.");
    }
    spec.mounts.push_back({staging, spec.user_folder, true});
  }
  // Only a server on the web is asked over the network.
  egress::CallPolicy policy;
  if (auto server = manifest::host_of_url(manifest.url)) policy.hosts.push_back(std::move(*server));
  policy.secrets = std::move(credentials.secrets);
  bool turned_away = false;
  policy.on_event = [&turned_away, said = credentials.challenge](const egress::EgressEvent& event) {
    turned_away |= event.status == kWhoAreYou;
    if (said != nullptr && event.status == kNotYou) *said = event.challenge;
  };
  LB_CO_TRY(run, co_await build_.run_with_input(std::move(spec), std::move(policy),
                                                protocol::encode_describe(credentials.settings_json), stop));
  std::string tools;
  std::string complaint;
  const auto listen = [&](protocol::ProgramMessage message) {
    if (message.type == protocol::ProgramMessage::Type::tools) tools = std::move(message.value_json);
    if (message.type == protocol::ProgramMessage::Type::error) complaint = std::move(message.text);
    return tools.empty();
  };
  protocol::LineDecoder decoder(kMostDescribed);
  Status decoded = decoder.feed(run.output, listen);
  if (decoded && tools.empty()) decoded = decoder.finish(listen);
  if (!tools.empty()) co_return tools;
  if (turned_away && manifest.url.starts_with("https://")) {
    co_return make_error(Code::unauthenticated,
                         fmt::format("The server of the skill {} tells its tools only to who is known there: connect, "
                                     "or set its access_token.",
                                     manifest.name));
  }
  const std::string cause = sentence(complaint.empty() && !decoded ? decoded.error().message : complaint);
  if (!complaint.empty()) {
    co_return make_error(Code::invalid_argument,
                         fmt::format("The skill {} cannot be loaded: {}", manifest.name, cause));
  }
  if (!decoded) {
    co_return make_error(Code::invalid_argument,
                         fmt::format("The skill {} does not speak the tool protocol: {}", manifest.name, cause));
  }
  co_return explain(fmt::format("The skill {}, asked for its tools,", manifest.name), run);
}

}  // namespace librebird::hands
