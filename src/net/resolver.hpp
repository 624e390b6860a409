#pragma once

// Names to addresses: getaddrinfo on a pool, a small cache, one look-up at a time for a name. Loop only.
// A look-up cannot be interrupted: who stops waiting leaves it to finish on the pool, and its answer to the cache.

#include <librebird/base/async/pool.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <boost/asio/ip/address.hpp>

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace librebird::net {

using Addresses = std::vector<boost::asio::ip::address>;

class Resolver {
 public:
  Resolver(Executor executor, Pool& pool) : executor_(executor), pool_(pool) {}
  // Numeric hosts are answered at once.
  Task<Result<Addresses>> resolve(std::string host, std::stop_token stop, Millis limit);

 private:
  struct Entry {
    explicit Entry(Executor executor) : changed(executor) {}
    Signal changed;
    bool done = false;
    Result<Addresses> answer = Addresses{};
    SteadyTime until;
  };
  static Task<void> look_up(std::shared_ptr<Entry> entry, Pool& pool, std::string host);

  Executor executor_;
  Pool& pool_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace librebird::net
