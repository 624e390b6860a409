#pragma once

// From a source to a version that only needs to be put in its place: files fetched and checked, made ready by its
// runtime, asked for its tools. All of it in a staging folder that goes away with the result. Private. Loop only.

#include <librebird/base/async/pool.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/skill_service.hpp>
#include <librebird/core/ports/tool_runtime.hpp>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "contained_build.hpp"
#include "package.hpp"
#include "staging.hpp"

namespace librebird::hands {

struct Unpacked {
  std::unique_ptr<Staging> staging;
  Package package;
  std::string origin;   // where the next update comes from
  std::string version;  // folder with `skill` and `env`
};

struct Ready {
  SkillManifest manifest;  // with all its tools
  std::string tools_json;  // of a program that was asked
};

// What a server on the web is shown when it is asked for its tools: placeholders, and what the fence puts in their
// place.
struct Credentials {
  std::string settings_json;  // empty: none
  std::vector<egress::SecretLease> secrets;
  std::string* challenge = nullptr;  // set: gets what a server says that refuses them (403); outlives the asking
};

using FindRuntime = std::function<Result<ToolRuntime*>(const SkillManifest&)>;

class Installer {
 public:
  Installer(IdGenerator& ids, std::string skills_folder, FindSandbox sandbox, FindRuntime runtime,
            egress::Fence& fence);

  // Errors: whatever is wrong with the source, in one sentence.
  Task<Result<Unpacked>> unpack(SkillSource source, std::stop_token stop);
  // Runs the skill's package tools and, if it says its tools itself, the skill. A server on the web that tells them to
  // nobody it does not know has none yet.
  Task<Result<Ready>> make_ready(const Unpacked& unpacked, std::vector<std::string> granted, Credentials credentials,
                                 std::stop_token stop);
  // The tools of a server on the web, as JSON. unauthenticated: it wants other credentials.
  Task<Result<std::string>> ask_server(SkillManifest manifest, Credentials credentials, std::stop_token stop);

  // Blocking work on a thread that is made when it is first needed.
  template <class F>
  Task<std::invoke_result_t<F>> blocking(F work) {
    if (!pool_) pool_ = std::make_unique<Pool>("skills", 1);
    auto done = co_await pool_->run(std::move(work));
    if (!done) co_return make_error(Code::resource_exhausted, "Too many skills are being changed; try again.");
    co_return std::move(*done);
  }

 private:
  Task<Result<std::vector<TreeFile>>> read_source(SkillSource source, std::string staging, std::string target,
                                                  std::stop_token stop);
  Task<Result<std::string>> describe(ToolRuntime& runtime, const SkillManifest& manifest, std::string staging,
                                     Credentials credentials, std::stop_token stop);

  IdGenerator& ids_;
  std::string skills_folder_;
  FindRuntime runtime_;
  ContainedBuild build_;
  std::unique_ptr<Pool> pool_;
};

// The source that an origin stands for; failed_precondition: it cannot be fetched again.
Result<SkillSource> source_of(const std::string& origin);

}  // namespace librebird::hands
