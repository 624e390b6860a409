// The pure parts: what engines say, what we say to the guard, what a container is made of.
#include "container.hpp"
#include "http_response.hpp"
#include "owner.hpp"
#include "seccomp_profile.hpp"
#include "stream_frames.hpp"

#include "../../runner/guard.hpp"

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <set>

namespace librebird::docker {
namespace {

namespace json = boost::json;

struct Read {
  Status status = Ok{};
  bool done = false;
  int code = 0;
  bool stream = false;
  std::string body;
  std::string rest;
};

Read read(std::string_view bytes, std::size_t piece, bool ends = true) {
  HttpResponseParser parser(1000);
  Read out;
  while (!bytes.empty() && !parser.done() && out.status) {
    out.status = parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (ends && out.status && !parser.done()) out.status = parser.end();
  out.done = parser.done();
  out.code = parser.status();
  out.stream = parser.is_stream();
  out.body = parser.body();
  out.rest = parser.rest() + std::string(bytes);
  return out;
}

TEST(HttpResponse, IsReadHoweverItIsCut) {
  const std::string chunked =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding:  chunked \r\n\r\n"
      "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\nnext";
  const std::string counted = "HTTP/1.0 404 Not Found\r\nContent-Length: 5\r\n\r\nhellonext";
  const std::string open = "HTTP/1.1 500 Bad\r\n\r\nhello";
  for (std::size_t piece = 1; piece < 80; ++piece) {
    const Read a = read(chunked, piece);
    ASSERT_TRUE(a.status.ok()) << piece << a.status.error().message;
    EXPECT_EQ(a.code, 200);
    EXPECT_EQ(a.body, "hello world");
    EXPECT_EQ(a.rest, "next");
    const Read b = read(counted, piece);
    ASSERT_TRUE(b.status.ok()) << piece;
    EXPECT_EQ(b.code, 404);
    EXPECT_EQ(b.body, "hello");
    const Read c = read(open, piece);
    ASSERT_TRUE(c.status.ok()) << piece;
    EXPECT_EQ(c.body, "hello");
    const Read d = read("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n\x01stream", piece);
    ASSERT_TRUE(d.status.ok()) << piece;
    EXPECT_TRUE(d.stream);
    EXPECT_EQ(d.rest, "\x01stream");
  }
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n", 99).stream);
  EXPECT_TRUE(read("HTTP/1.1 204 No Content\r\n\r\n", 99, false).done);
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 99, false).done);
}

TEST(HttpResponse, RefusesWhatIsNone) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& bad : {std::string("SSH-2.0-OpenSSH\r\n\r\n"),
                                 std::string("HTTP/2 200\r\n\r\n"),
                                 std::string("HTTP/1.1 2x0 OK\r\n\r\n"),
                                 std::string("HTTP/1.1 099 OK\r\n\r\n"),
                                 ok + "no colon\r\n\r\n",
                                 ok + ": x\r\n\r\n",
                                 ok + "Content-Length: -1\r\n\r\n",
                                 ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                                 ok + "Content-Length: 99999999999999999999\r\n\r\n",
                                 ok + "Content-Length: 1001\r\n\r\n",
                                 ok + "Transfer-Encoding: gzip\r\n\r\n",
                                 ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
                                 ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
                                 ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
                                 ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                                 ok + "Transfer-Encoding: chunked\r\n\r\n" + std::string(5000, '1'),
                                 ok + std::string(40'000, 'x'),
                                 ok + "\r\n" + std::string(1001, 'x'),
                                 ok + "Content-Length: 5\r\n\r\nhell",
                                 std::string(),
                                 std::string("HTTP")}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, bad.size() + 1}) {
      EXPECT_FALSE(read(bad, piece).status.ok()) << bad.substr(0, 80);
    }
  }
}

std::string frame(char stream, std::string_view text) {
  std::string out{stream, 0, 0, 0, 0, 0, static_cast<char>(text.size() >> 8), static_cast<char>(text.size() & 0xff)};
  return out.append(text);
}

TEST(Demultiplexer, SplitsStreamsHoweverTheyAreCut) {
  const std::string bytes = frame(1, "out") + frame(2, "") + frame(2, "error") + frame(0, "echo") + frame(1, "put");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    Demultiplexer demultiplexer;
    std::string output;
    std::string errors;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_TRUE(
          demultiplexer
              .feed(std::string_view(bytes).substr(at, piece),
                    [&](Stream stream, std::string_view text) { (stream == Stream::output ? output : errors) += text; })
              .ok());
    }
    EXPECT_EQ(output, "output");
    EXPECT_EQ(errors, "error");
    EXPECT_TRUE(demultiplexer.at_boundary());
  }
}

TEST(Demultiplexer, RefusesAnotherFormat) {
  const auto nothing = [](Stream, std::string_view) { FAIL(); };
  for (const std::string& bad : {frame(3, ""), frame(9, ""), std::string("HTTP/1.1 200 OK"), frame('\xff', "")}) {
    Demultiplexer demultiplexer;
    EXPECT_FALSE(demultiplexer.feed(bad, nothing).ok());
  }
  Demultiplexer cut;
  EXPECT_TRUE(cut.feed(frame(1, "x").substr(0, 8), nothing).ok());
  EXPECT_FALSE(cut.at_boundary());
}

TEST(VerdictFilter, FindsTheLastWordsHoweverTheyAreCut) {
  const std::string nonce = "0123456789abcdef";
  const std::string own = std::string("some \0librebird-end text \0librebird-end 0123456789abcdeX ", 57);
  const std::string all = own + runner::guard_marker(nonce) + "s9 1234\nforged after the end";
  for (std::size_t piece = 1; piece <= all.size(); ++piece) {
    VerdictFilter filter(nonce);
    std::string text;
    for (std::size_t at = 0; at < all.size(); at += piece) text += filter.feed(std::string_view(all).substr(at, piece));
    EXPECT_EQ(text, own);
    EXPECT_EQ(filter.held(), "");
  }
  VerdictFilter filter(nonce);
  filter.feed(own + runner::guard_marker(nonce) + "s9 1234\n");
  ASSERT_TRUE(filter.verdict());
  EXPECT_EQ(filter.verdict()->kind, GuardVerdict::Kind::signalled);
  EXPECT_EQ(filter.verdict()->value, 9);
  EXPECT_EQ(filter.verdict()->cpu_milliseconds, 1234);
}

TEST(VerdictFilter, TakesNothingElseForThem) {
  const std::string marker = runner::guard_marker("n");
  for (const std::string& words :
       {std::string("e0 1"), std::string("q0 1\n"), std::string("e 1\n"), std::string("e-1 1\n"), std::string("e0\n"),
        std::string("e0 x\n"), std::string("e0 -1\n"), std::string("\n"), std::string("e99999999999 1\n"),
        "e0 1" + std::string(100, '0') + "\n"}) {
    VerdictFilter filter("n");
    EXPECT_EQ(filter.feed("x" + marker + words), "x");
    EXPECT_FALSE(filter.verdict()) << words;
  }
  VerdictFilter none("n");
  EXPECT_EQ(none.feed("text" + marker.substr(0, 5)), "text");
  EXPECT_EQ(none.held(), marker.substr(0, 5));
  EXPECT_FALSE(none.verdict());
}

TEST(GuardFrames, AreCutToTheGuardsMeasure) {
  EXPECT_EQ(end_frame(), std::string("E\0\0\0\0", 5));
  EXPECT_EQ(input_frames(""), "");
  EXPECT_EQ(input_frames("hi"), std::string("I\0\0\0\2hi", 7));
  const std::string frames = input_frames(std::string(150'000, 'x'));
  EXPECT_EQ(frames.size(), 150'000U + 3 * 5);
  EXPECT_EQ(frames.substr(0, 5), std::string("I\0\1\0\0", 5));
  const std::string setup = setup_frame({{"/a", "b"}, {"X=y"}, "/w", "nonce", true});
  EXPECT_EQ(setup.substr(5), std::string("nonce\0001\0/w\0002\0/a\0b\0X=y\0", 22));
}

ContainerPlan plan() {
  ContainerPlan plan;
  plan.image = "localhost/x:1";
  plan.tool = "/opt/librebird-tool";
  plan.owner = "me";
  plan.user = "65534:65534";
  plan.seccomp = "{}";
  return plan;
}

TEST(Container, HasEveryWall) {
  SandboxSpec spec;
  spec.argv = {"/probe"};
  spec.mounts = {{"/data/work", "/work", true}, {"/data/skill", "/skill", false}};
  const json::value made = json::parse(container_json(spec, plan()));
  const json::object& host = made.at("HostConfig").as_object();
  EXPECT_EQ(made.at("User"), "65534:65534");
  EXPECT_EQ(made.at("Tty"), false);
  EXPECT_EQ(made.at("StdinOnce"), true);
  EXPECT_EQ(made.at("NetworkDisabled"), true);
  EXPECT_EQ(made.at("Healthcheck").at("Test").at(0), "NONE");
  EXPECT_EQ(made.at("Labels").at(kLabel), "me");
  EXPECT_EQ(made.at("Entrypoint").at(0), kToolInside);
  EXPECT_EQ(host.at("NetworkMode"), "none");
  EXPECT_EQ(host.at("IpcMode"), "none");
  EXPECT_EQ(host.at("ReadonlyRootfs"), true);
  EXPECT_EQ(host.at("Privileged"), false);
  EXPECT_EQ(host.at("AutoRemove"), true);
  EXPECT_EQ(host.at("CapDrop").at(0), "ALL");
  EXPECT_EQ(host.at("SecurityOpt").at(0), "no-new-privileges");
  EXPECT_EQ(host.at("SecurityOpt").at(1), "seccomp={}");
  EXPECT_EQ(host.at("Memory"), 512 << 20);
  EXPECT_EQ(host.at("MemorySwap"), 512 << 20);
  EXPECT_EQ(host.at("NanoCpus"), 1'000'000'000);
  EXPECT_EQ(host.at("PidsLimit"), 65);
  EXPECT_FALSE(host.contains("Runtime"));
  EXPECT_FALSE(host.contains("Devices"));
  EXPECT_FALSE(host.contains("Binds"));
  EXPECT_NE(host.at("Tmpfs").at("/tmp").as_string().find("size=67108864"), json::string::npos);
  ASSERT_EQ(host.at("Mounts").as_array().size(), 3U);
  EXPECT_EQ(host.at("Mounts").at(0).at("ReadOnly"), true);
  EXPECT_EQ(host.at("Mounts").at(1).at("ReadOnly"), false);
  EXPECT_EQ(host.at("Mounts").at(2).at("ReadOnly"), true);
  EXPECT_EQ(host.at("Mounts").at(2).at("BindOptions").at("Propagation"), "rprivate");
}

TEST(Container, HasTheFenceReadOnlyBelowTheForwarder) {
  SandboxSpec spec;
  spec.argv = {"/probe", "x"};
  spec.egress_directory = "/data/call";
  ContainerPlan with = plan();
  with.runtime = "runsc";
  with.userns = "keep-id";
  json::value made = json::parse(container_json(spec, with));
  EXPECT_EQ(made.at("HostConfig").at("Runtime"), "runsc");
  EXPECT_EQ(made.at("HostConfig").at("UsernsMode"), "keep-id");
  EXPECT_EQ(made.at("HostConfig").at("NetworkMode"), "none");
  EXPECT_EQ(made.at("HostConfig").at("Mounts").at(1).at("Target"), "/run/egress");
  EXPECT_EQ(made.at("HostConfig").at("Mounts").at(1).at("ReadOnly"), true);
  EXPECT_EQ(guarded_argv(spec, {}), (std::vector<std::string>{kToolInside, "forward", "--", "/probe", "x"}));
  spec.limits.processes = 1;
  EXPECT_EQ(guarded_argv(spec, {}), spec.argv);
  spec.argv.clear();
  EXPECT_EQ(guarded_argv(spec, {.command = {"run", "me"}}), (std::vector<std::string>{"run", "me"}));
}

TEST(Container, RefusesAMalformedSpec) {
  SandboxSpec good;
  good.argv = {"/probe"};
  EXPECT_TRUE(check_container(good).ok());
  const auto refused = [&good](auto change) {
    SandboxSpec bad = good;
    change(bad);
    const Status status = check_container(bad);
    return !status && status.error().code == Code::invalid_argument;
  };
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.argv.clear(); }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.argv = {"probe"}; }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.argv.push_back(std::string("a\0b", 3)); }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.environment = {"=x"}; }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.environment = {"LD_PRELOAD=x"}; }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.mounts = {{"/a", "/run/librebird/tool", false}}; }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.mounts = {{"a", "/b", false}}; }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.mounts = {{"/a/..", "/b", false}}; }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.egress_directory = "x"; }));
  EXPECT_TRUE(refused([](SandboxSpec& s) { s.work_directory = "x"; }));
  SandboxSpec image;
  image.image = "x";
  EXPECT_TRUE(check_container(image).ok());
}

TEST(Container, MakesAnEmptyImage) {
  const std::string tar = empty_image_tar();
  EXPECT_EQ(tar.size() % 512, 0U);
  EXPECT_EQ(tar, empty_image_tar());
  EXPECT_EQ(tar.substr(257, 5), "ustar");
  EXPECT_EQ(tar.substr(tar.size() - 1024), std::string(1024, '\0'));
}

std::set<std::string> allowed_calls(const json::value& profile) {
  std::set<std::string> names;
  for (const json::value& rule : profile.at("syscalls").as_array()) {
    if (rule.at("action") != "SCMP_ACT_ALLOW" || rule.as_object().contains("args")) continue;
    for (const json::value& name : rule.at("names").as_array()) names.emplace(name.as_string());
  }
  return names;
}

TEST(SeccompProfile, AllowsWhatProgramsNeedAndNothingOfTheMachine) {
  const json::value closed = json::parse(*seccomp_profile(false));
  EXPECT_EQ(closed.at("defaultAction"), "SCMP_ACT_ERRNO");
  EXPECT_EQ(closed.at("architectures").as_array().size(), 1U);
  const std::set<std::string> allowed = allowed_calls(closed);
  for (const char* needed :
       {"read", "execve", "mmap", "futex", "openat", "wait4", "fork", "poll", "seccomp", "connect"}) {
    EXPECT_TRUE(allowed.contains(needed)) << needed;
  }
  for (const char* refused : {"mount", "ptrace", "bpf", "keyctl", "io_uring_setup", "unshare", "setns", "userfaultfd",
                              "perf_event_open", "clone", "clone3", "socket", "chmod", "setuid", "mknodat", "reboot",
                              "open_by_handle_at", "kexec_load", "pidfd_getfd"}) {
    EXPECT_FALSE(allowed.contains(refused)) << refused;
  }
  const auto families = [](const json::value& profile) {
    std::set<std::int64_t> all;
    for (const json::value& rule : profile.at("syscalls").as_array()) {
      if (rule.at("names").at(0) == "socket" && rule.at("action") == "SCMP_ACT_ALLOW") {
        all.insert(rule.at("args").at(0).at("value").as_int64());
      }
    }
    return all;
  };
  EXPECT_EQ(families(closed), (std::set<std::int64_t>{1}));
  EXPECT_EQ(families(json::parse(*seccomp_profile(true))), (std::set<std::int64_t>{1, 2, 10}));
}

TEST(OwnerLabel, TellsTheLivingFromTheDead) {
  const std::string mine = this_owner();
  EXPECT_EQ(look_up(mine), Owner::alive);
  const std::string who = mine.substr(0, mine.find('/', mine.find('/') + 1) + 1);
  EXPECT_EQ(look_up(who + "1/1"), Owner::gone);  // process 1 began at another time
  EXPECT_EQ(look_up(who + "99999999/5"), Owner::gone);
  EXPECT_EQ(look_up(mine.substr(0, mine.find('/')) + "/pid:[1]/1/1"), Owner::elsewhere);
  EXPECT_EQ(look_up("another-boot" + mine.substr(mine.find('/'))), Owner::gone);
  for (const char* garbage : {"", "/", "a/b/c", "a/b/c/d/e", "x"}) EXPECT_EQ(look_up(garbage), Owner::gone) << garbage;
}

}  // namespace
}  // namespace librebird::docker
