#include "seccomp_profile.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/hands/sandbox/calls/refused_calls.hpp>

#include <linux/sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <set>
#include <string_view>

namespace librebird::docker {
namespace {

// Allowed under conditions, or answered otherwise; never on the plain list.
constexpr std::array<std::string_view, 8> kConditional = {"clone",  "clone3",   "socket",     "chmod",
                                                          "fchmod", "fchmodat", "socketcall", "ipc"};
constexpr std::uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
constexpr std::uint64_t kSetIdBits = 06000;

// Every call that this machine has, up to the newest we know, but the refused and the conditional ones.
std::set<std::string> plain_calls() {
  std::set<std::string> names;
  for (unsigned number = 0; number <= sandbox::kNewestKnownCall; ++number) {
    char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number));
    if (name != nullptr) names.insert(name);
    std::free(name);
  }
  for (const char* name : sandbox::kRefusedCalls) names.erase(name);
  for (const std::string_view name : kConditional) names.erase(std::string(name));
  return names;
}

void names(JsonWriter& json, std::initializer_list<std::string_view> all) {
  json.begin_object().key("names").begin_array();
  for (const std::string_view name : all) json.value(name);
  json.end_array();
}

// Allowed where the bits of `mask` in the argument are all clear.
void allow_without(JsonWriter& json, std::initializer_list<std::string_view> calls, int argument, std::uint64_t mask) {
  names(json, calls);
  json.field("action", "SCMP_ACT_ALLOW").key("args").begin_array().begin_object();
  json.field("index", argument).field("value", mask).field("valueTwo", 0).field("op", "SCMP_CMP_MASKED_EQ");
  json.end_object().end_array().end_object();
}

void socket_rule(JsonWriter& json, std::string_view compare, int family) {
  names(json, {"socket"});
  const bool allowed = compare == "SCMP_CMP_EQ";
  json.field("action", allowed ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
  if (!allowed) json.field("errnoRet", EAFNOSUPPORT);
  json.key("args").begin_array().begin_object();
  json.field("index", 0).field("value", family).field("valueTwo", 0).field("op", compare);
  json.end_object().end_array().end_object();
}

void refuse(JsonWriter& json, std::string_view call, int error) {
  names(json, {call});
  json.field("action", "SCMP_ACT_ERRNO").field("errnoRet", error).end_object();
}

}  // namespace

Result<std::string> seccomp_profile(bool network) {
  const std::set<std::string> plain = plain_calls();
  if (!plain.contains("read") || !plain.contains("execve")) {
    return make_error(Code::internal, "The system-call filter cannot be built; tools will not run.");
  }
  JsonWriter json;
  json.begin_object().field("defaultAction", "SCMP_ACT_ERRNO").field("defaultErrnoRet", ENOSYS);
  json.key("architectures").begin_array();
#if defined(__x86_64__)
  json.value("SCMP_ARCH_X86_64");
#elif defined(__aarch64__)
  json.value("SCMP_ARCH_AARCH64");
#else
#error "No system-call filter for this machine"
#endif
  json.end_array().key("syscalls").begin_array();
  json.begin_object().key("names").begin_array();
  for (const std::string& name : plain) json.value(name);
  json.end_array().field("action", "SCMP_ACT_ALLOW").end_object();
  json.begin_object().key("names").begin_array();
  for (const char* name : sandbox::kRefusedCalls) json.value(name);
  json.end_array().field("action", "SCMP_ACT_ERRNO").field("errnoRet", EPERM).end_object();
  allow_without(json, {"clone"}, 0, kNamespaces);
  allow_without(json, {"chmod", "fchmod"}, 1, kSetIdBits);
  allow_without(json, {"fchmodat"}, 2, kSetIdBits);
  // Its flags lie behind a pointer: libraries fall back to clone.
  refuse(json, "clone3", ENOSYS);
  socket_rule(json, "SCMP_CMP_EQ", AF_UNIX);
  if (network) {
    socket_rule(json, "SCMP_CMP_EQ", AF_INET);
    socket_rule(json, "SCMP_CMP_EQ", AF_INET6);
    socket_rule(json, "SCMP_CMP_GT", AF_INET6);
  } else {
    socket_rule(json, "SCMP_CMP_NE", AF_UNIX);
  }
  json.end_array().end_object();
  return std::move(json).take();
}

}  // namespace librebird::docker
