#pragma once

// What a SandboxSpec becomes as a container: the body of the engine's "create", with every wall in it. Pure.

#include "engine.hpp"

#include <librebird/core/ports/sandbox.hpp>

#include <string>

namespace librebird::docker {

inline constexpr const char* kLabel = "org.librebird.sandbox";
// Where the static tool is inside: guard and forwarder.
inline constexpr const char* kToolInside = "/run/librebird/tool";

struct ContainerPlan {
  std::string image;
  std::string tool;     // host path of librebird-tool
  std::string owner;    // value of kLabel
  std::string user;     // "uid:gid"
  std::string userns;   // user namespace mode; empty: the engine's
  std::string seccomp;  // what the engine wants: the profile itself (Docker), or its host path (Podman)
  std::string runtime;  // OCI runtime; empty: the engine's
  std::int64_t nofile = 256;
  std::int64_t nproc = 16384;  // of the user on the whole machine
};

// Errors: invalid_argument (a relative or empty path, an argument with a NUL, a forbidden mount).
Status check_container(const SandboxSpec& spec);

std::string container_json(const SandboxSpec& spec, const ContainerPlan& plan);

// The program as the guard starts it: below the forwarder where there is a network.
std::vector<std::string> guarded_argv(const SandboxSpec& spec, const ImageFacts& image);

// An image with nothing in it but empty folders, for programs that bring everything along.
inline constexpr const char* kEmptyImage = "localhost/librebird-empty";
inline constexpr const char* kEmptyTag = "1";
std::string empty_image_tar();

}  // namespace librebird::docker
