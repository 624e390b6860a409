#include "contained_build.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::hands {
namespace {

constexpr Millis kLongest{600'000};
constexpr std::string_view kProxy = "http://127.0.0.1:3128";
constexpr std::string_view kAuthority = "/run/egress/ca.pem";

void set_unless_there(std::vector<std::string>& environment, std::string_view name, std::string_view value) {
  const std::string prefix = std::string(name) + "=";
  const bool there =
      std::ranges::any_of(environment, [&](const std::string& item) { return item.starts_with(prefix); });
  if (!there) environment.push_back(prefix + std::string(value));
}

void complete(SandboxSpec& spec, bool network) {
  set_unless_there(spec.environment, "PATH", "/usr/local/bin:/usr/bin:/bin");
  set_unless_there(spec.environment, "HOME", "/tmp");
  set_unless_there(spec.environment, "LANG", "C.UTF-8");
  spec.limits.wall_time = std::min(spec.limits.wall_time, kLongest);
  if (!network) return;
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"}) {
    set_unless_there(spec.environment, name, kProxy);
  }
  set_unless_there(spec.environment, "NO_PROXY", "");
  for (const char* name :
       {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"}) {
    set_unless_there(spec.environment, name, kAuthority);
  }
}

// The end of a text, on one line.
std::string last_words(std::string_view text) {
  constexpr std::size_t kShown = 600;
  if (text.size() > kShown) text.remove_prefix(text.size() - kShown);
  std::string words = to_valid_utf8(text);
  for (char& c : words) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  const std::size_t first = words.find_first_not_of(' ');
  const std::size_t last = words.find_last_not_of(' ');
  return first == std::string::npos ? std::string() : words.substr(first, last - first + 1);
}

}  // namespace

Error explain(std::string_view what, const SandboxRun& run) {
  std::string why;
  Code code = Code::failed_precondition;
  switch (run.end) {
    case SandboxEnd::exited: why = fmt::format("ended with code {}", run.exit_code); break;
    case SandboxEnd::signalled: why = fmt::format("was ended by signal {}", run.exit_code); break;
    case SandboxEnd::timed_out:
      why = "took too long";
      code = Code::deadline_exceeded;
      break;
    case SandboxEnd::out_of_memory: why = "used too much memory"; break;
    case SandboxEnd::output_limit: why = "wrote too much"; break;
    case SandboxEnd::cancelled:
      why = "was stopped";
      code = Code::cancelled;
      break;
  }
  const std::string words = last_words(run.error_output.empty() ? run.output : run.error_output);
  return make_error(code, fmt::format("{} {}{}{}.", what, why, words.empty() ? "" : ": ", words));
}

Task<Result<SandboxRun>> ContainedBuild::run(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) {
  egress::CallPolicy policy;
  policy.hosts = std::move(hosts);
  return run_fenced(std::move(spec), std::move(policy), {}, std::move(stop));
}

Task<Result<SandboxRun>> ContainedBuild::run_with_index(SandboxSpec spec, std::vector<std::string> hosts,
                                                        std::stop_token stop) {
  egress::CallPolicy policy;
  policy.hosts = std::move(hosts);
  policy.reach = Reach::any;
  policy.limits.requests = 5000;
  policy.limits.download_bytes = 1ULL << 30;
  return run_fenced(std::move(spec), std::move(policy), {}, std::move(stop));
}

Task<Result<SandboxRun>> ContainedBuild::run_fenced(SandboxSpec spec, egress::CallPolicy policy, std::string input,
                                                    std::stop_token stop) {
  complete(spec, !policy.hosts.empty());
  if (policy.hosts.empty()) co_return co_await start(std::move(spec), std::move(input), stop);
  auto network = fence_.open(std::move(policy));
  if (!network) co_return network.error();
  spec.egress_directory = (*network)->directory();
  auto run = co_await start(std::move(spec), std::move(input), stop);
  co_await (*network)->close();
  if (run && (run->end != SandboxEnd::exited || run->exit_code != 0)) {
    // What the fence refused is usually why.
    if (const std::string decisions = (*network)->decisions(); !decisions.empty()) {
      run->error_output += " (" + decisions.substr(0, 300) + ")";
    }
  }
  co_return run;
}

Task<Result<SandboxRun>> ContainedBuild::run_with_input(SandboxSpec spec, egress::CallPolicy policy, std::string input,
                                                        std::stop_token stop) {
  return run_fenced(std::move(spec), std::move(policy), std::move(input), std::move(stop));
}

Task<Result<SandboxRun>> ContainedBuild::start(SandboxSpec spec, std::string input, std::stop_token stop) {
  LB_CO_TRY(sandbox, sandbox_());
  LB_CO_TRY(process, co_await sandbox->start(std::move(spec), stop));
  if (!input.empty()) {
    // If it has ended already, how it ended is the answer.
    const Status sent = process->write(std::move(input));
    if (!sent && sent.error().code != Code::unavailable) co_return sent.error();
  }
  process->close_input();
  LB_CO_TRY(run, co_await process->wait({}, stop));
  if (run.end == SandboxEnd::cancelled) co_return make_error(Code::cancelled, "The install was stopped.");
  co_return run;
}

}  // namespace librebird::hands
