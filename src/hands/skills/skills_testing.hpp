#pragma once

// For the tests of this folder: archives as strangers make them, and a runtime that does what a test says.

#include <librebird/core/ports/secret_store.hpp>
#include <librebird/core/ports/tool_runtime.hpp>

#include <archive.h>
#include <archive_entry.h>

#include <map>
#include <string>
#include <vector>

namespace librebird::hands::testing {

struct Item {
  std::string path;
  std::string content;
  unsigned type = AE_IFREG;
  std::string link;
  bool hard = false;
  unsigned mode = 0644;
};

inline Item file(std::string path, std::string content) { return {std::move(path), std::move(content)}; }

// `format`: "zip", "tar", "tar.gz", "tar.xz".
inline std::string pack(const std::vector<Item>& items, const std::string& format = "tar.gz") {
  archive* out = archive_write_new();
  if (format == "zip") {
    archive_write_set_format_zip(out);
  } else {
    archive_write_set_format_pax_restricted(out);
    if (format == "tar.gz") archive_write_add_filter_gzip(out);
    if (format == "tar.xz") archive_write_add_filter_xz(out);
  }
  archive_write_set_options(out, "hdrcharset=BINARY");
  std::string bytes(48 << 20, '\0');
  std::size_t used = 0;
  archive_write_open_memory(out, bytes.data(), bytes.size(), &used);
  for (const Item& item : items) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, item.path.c_str());
    archive_entry_set_filetype(entry, item.type);
    archive_entry_set_perm(entry, item.mode);
    if (item.hard)
      archive_entry_set_hardlink(entry, item.link.c_str());
    else if (!item.link.empty())
      archive_entry_set_symlink(entry, item.link.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
    archive_write_header(out, entry);
    if (!item.content.empty()) archive_write_data(out, item.content.data(), item.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
  bytes.resize(used);
  return bytes;
}

inline std::string manifest(const std::string& name, const std::string& tool, const std::string& version = "1.0.0",
                            const std::string& more = "") {
  return R"({"name":")" + name + R"(","runtime":"python","version":")" + version + R"(",)" + more +
         R"("tools":[{"function":{"name":")" + tool + R"(","description":"d"}}]})";
}

inline std::vector<Item> skill(const std::string& name, const std::string& tool, const std::string& version = "1.0.0",
                               const std::string& more = "") {
  return {file(name + "/skill.json", manifest(name, tool, version, more)), file(name + "/__init__.py", "x = 1\n")};
}

class MemorySecretStore final : public SecretStore {
 public:
  Task<Status> put(Principal, std::string scope, std::string name, std::string value) override {
    values[scope + "/" + name] = std::move(value);
    ++changes;
    co_return Ok{};
  }
  Task<Result<std::string>> get(Principal, std::string scope, std::string name) override {
    co_return values.at(scope + "/" + name);
  }
  Task<Result<std::vector<SecretInfo>>> list(Principal) override {
    std::vector<SecretInfo> list;
    for (const auto& [key, value] : values) {
      list.push_back({key.substr(0, key.rfind('/')), key.substr(key.rfind('/') + 1), 0, 0});
    }
    co_return list;
  }
  Task<Status> remove(Principal, std::string scope, std::string name) override {
    values.erase(scope + "/" + name);
    ++changes;
    co_return Ok{};
  }
  Task<Result<bool>> replace(Principal, std::string, std::string, std::string, std::optional<std::string>) override {
    co_return make_error(Code::internal, "Nobody asks for it here.");
  }
  Task<Status> forget(Principal, std::string scope) override {
    std::erase_if(values, [&](const auto& entry) {
      return entry.first.starts_with(scope + "/") || entry.first.starts_with("user/" + scope + "/");
    });
    ++changes;
    co_return Ok{};
  }
  Task<Result<std::int64_t>> revision(Principal) override { co_return changes; }
  Task<Result<std::shared_ptr<const SecretSet>>> reveal(Principal) override {
    co_return make_error(Code::internal, "Nobody asks for them here.");
  }

  std::map<std::string, std::string> values;
  std::int64_t changes = 0;
};

class ScriptedRuntime final : public ToolRuntime {
 public:
  Result<SandboxSpec> plan(const SkillManifest&, const ToolSpec&) override { return SandboxSpec{}; }
  Task<Status> prepare(const SkillManifest& skill, const std::string& folder, SkillBuild&, std::stop_token) override {
    ++prepared;
    last = skill;
    last_folder = folder;
    co_return outcome;
  }
  [[nodiscard]] bool describes(const SkillManifest& skill) const override { return skill.tools.empty(); }

  Status outcome = Ok{};
  int prepared = 0;
  SkillManifest last;
  std::string last_folder;
};

// Programs that write `output` and end.
class ScriptedSandbox final : public Sandbox {
 public:
  Task<Result<std::unique_ptr<SandboxProcess>>> start(SandboxSpec spec, std::stop_token) override {
    specs.push_back(std::move(spec));
    co_return std::unique_ptr<SandboxProcess>(std::make_unique<Process>(*this));
  }
  Task<Status> probe() override { co_return Ok{}; }

  SandboxRun run;
  std::vector<SandboxSpec> specs;
  std::string input;

 private:
  class Process final : public SandboxProcess {
   public:
    explicit Process(ScriptedSandbox& owner) : owner_(owner) {}
    Status write(std::string text) override {
      owner_.input += text;
      return Ok{};
    }
    void close_input() override {}
    Task<Result<SandboxRun>> wait(SandboxIo, std::stop_token) override { co_return owner_.run; }
    [[nodiscard]] bool running() const override { return false; }

   private:
    ScriptedSandbox& owner_;
  };
};

}  // namespace librebird::hands::testing
