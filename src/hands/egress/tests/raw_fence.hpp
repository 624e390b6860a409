#pragma once

// For this folder's tests: a fence with a scripted client behind it, and raw bytes to it.

#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/egress/policy.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace librebird::egress::testing {

using Client = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, Executor>;

inline Task<std::string> say(Executor executor, Call& call, std::string text) {
  Client client(executor);
  co_await client.async_connect({call.directory() + "/fence.sock"}, use_task);
  boost::system::error_code error;
  co_await boost::asio::async_write(client, boost::asio::buffer(text), boost::asio::redirect_error(use_task, error));
  client.shutdown(Client::shutdown_send, error);
  std::string answer;
  auto buffer = boost::asio::dynamic_buffer(answer);
  co_await boost::asio::async_read(client, buffer, boost::asio::redirect_error(use_task, error));
  co_return answer;
}

inline Task<int> closed(Call& call) {
  co_await call.close();
  co_return 0;
}

class Egress : public ::testing::Test {
 protected:
  Task<std::string> converse(CallPolicy policy, std::string text) {
    auto call = fence_.open(std::move(policy));
    const std::string directory = (*call)->directory();
    std::string answer = co_await say(loop_.executor(), **call, std::move(text));
    decisions_ = (*call)->decisions();
    events_ = (*call)->events();
    co_await (*call)->close();
    EXPECT_NE(::access(directory.c_str(), F_OK), 0);
    co_return answer;
  }
  std::string ask(CallPolicy policy, std::string text) {
    return testkit::run_on(loop_, converse(std::move(policy), std::move(text)));
  }
  std::string ask(std::string text, std::vector<std::string> hosts = {"wttr.in"}) {
    CallPolicy policy;
    policy.hosts = std::move(hosts);
    policy.limits.response_bytes = 1000;
    return ask(std::move(policy), std::move(text));
  }
  static std::string get(const std::string& url) { return "GET " + url + " HTTP/1.1\r\n\r\n"; }

  Loop loop_;
  testkit::ScriptedHttpClient http_;
  Fence fence_{loop_.executor(), http_};
  std::string decisions_;
  std::vector<EgressEvent> events_;
};

}  // namespace librebird::egress::testing
