#include "resolver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace librebird::net {
namespace {

namespace ip = boost::asio::ip;
using std::chrono::steady_clock;

constexpr Millis kKeep{30'000};
constexpr Millis kKeepFailure{1'000};
constexpr std::size_t kEntries = 256;

// Blocks; runs on the pool.
Result<Addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failure != 0) {
    return make_error(Code::unavailable, "its name cannot be resolved (" + std::string(::gai_strerror(failure)) + ")");
  }
  Addresses found;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (at->ai_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(at->ai_addr);
      found.push_back(ip::address_v4(ntohl(v4->sin_addr.s_addr)));
    } else if (at->ai_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(at->ai_addr);
      ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &v6->sin6_addr, bytes.size());
      found.push_back(ip::address_v6(bytes, v6->sin6_scope_id));
    }
  }
  ::freeaddrinfo(list);
  if (found.empty()) return make_error(Code::unavailable, "its name has no address");
  return found;
}

}  // namespace

Task<void> Resolver::look_up(std::shared_ptr<Entry> entry, Pool& pool, std::string host) {
  const auto work = [host] { return ask_system(host); };
  auto answer = co_await pool.run(work);
  entry->answer = answer ? std::move(*answer)
                         : make_error(Code::resource_exhausted, "too many names are being resolved; try again");
  entry->done = true;
  entry->until = steady_clock::now() + (entry->answer ? kKeep : kKeepFailure);
  entry->changed.notify_all();
}

Task<Result<Addresses>> Resolver::resolve(std::string host, std::stop_token stop, Millis limit) {
  boost::system::error_code failure;
  const auto numeric = ip::make_address(host, failure);
  if (!failure) co_return Addresses{numeric};
  auto found = entries_.find(host);
  if (found != entries_.end() && found->second->done && found->second->until <= steady_clock::now()) {
    entries_.erase(found);
    found = entries_.end();
  }
  if (found == entries_.end()) {
    if (entries_.size() >= kEntries) std::erase_if(entries_, [](const auto& e) { return e.second->done; });
    if (entries_.size() >= kEntries) {
      co_return make_error(Code::resource_exhausted, "too many names are being resolved; try again");
    }
    found = entries_.emplace(host, std::make_shared<Entry>(executor_)).first;
    // It owns all it touches and ends with the pool's answer.
    boost::asio::co_spawn(executor_, look_up(found->second, pool_, host), boost::asio::detached);
  }
  const auto entry = found->second;
  const SteadyTime until = steady_clock::now() + limit;
  while (!entry->done) {
    const auto left = until - steady_clock::now();
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "the request was cancelled");
    if (left <= std::chrono::nanoseconds(0)) {
      co_return make_error(Code::deadline_exceeded, "its name could not be resolved in time");
    }
    co_await entry->changed.wait(stop, left);
  }
  co_return entry->answer;
}

}  // namespace librebird::net
