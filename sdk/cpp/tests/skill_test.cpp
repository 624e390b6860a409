#include <librebird/skill.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <limits>

namespace librebird {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// ---- Json -----------------------------------------------------------------------------------------------------------

TEST(Json, ReadsAndWritesTheSame) {
  for (const char* text : {"null", "true", "false", "0", "-1", "9223372036854775807", "1.5", "1e+30", "\"\"",
                           "\"a\\\"b\\\\c\"", "[]", "{}", "[1,[2,[]],{\"a\":{}}]", "{\"b\":1,\"a\":[null]}",
                           "\"gr\xC3\xBC\xC3\x9F"
                           "e \xF0\x9F\x90\xA6\""}) {
    EXPECT_EQ(Json::parse(text).text(), text);
  }
  EXPECT_EQ(Json::parse(" { \"a\" : [ 1 , 2 ] } \n").text(), "{\"a\":[1,2]}");
  EXPECT_EQ(Json::parse("{\"a\":1,\"a\":2}").text(), "{\"a\":2}");
  EXPECT_EQ(Json::parse(R"("\u00fc\ud83d\udc26\n\/\ud800x")").as_text(), "\xC3\xBC\xF0\x9F\x90\xA6\n/\xEF\xBF\xBDx");
  EXPECT_EQ(Json::parse("18446744073709551616").as_number(), 18446744073709551616.0);
}

TEST(Json, RefusesWhatIsNone) {
  for (const char* text :
       {"",        " ",        "nul",     "tru",        "01",          "-",      "1.",    ".5",    "1e", "+1",
        "'a'",     "\"",       "\"\\x\"", "\"\\u12\"",  "\"\\u12g4\"", "\"\n\"", "[1,]",  "[1 2]", "[",  "{",
        "{\"a\"}", "{\"a\":}", "{a:1}",   "{\"a\":1,}", "1 2",         "[]]",    "1e999", "\"\\",  "NaN"}) {
    EXPECT_THROW((void)Json::parse(text), std::invalid_argument) << text;
  }
  EXPECT_THROW((void)Json::parse(std::string(100'000, '[')), std::invalid_argument);
  EXPECT_THROW((void)Json::parse(std::string("\"a\0b\"", 5)), std::invalid_argument);
}

TEST(Json, RepairsWhatJsonCannotHold) {
  EXPECT_EQ(Json("\xff"
                 "a\xC3")
                .text(),
            "\"\xEF\xBF\xBD"
            "a\xEF\xBF\xBD\"");
  EXPECT_EQ(Json("\xED\xA0\x80").text(), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(Json(std::string("\0\x1f", 2)).text(), "\"\\u0000\\u001f\"");
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).text(), "null");
}

TEST(Json, IsAskedAndBuilt) {
  Json value;
  value["a"]["b"] = 1;
  value["list"].push_back("x");
  EXPECT_EQ(value.text(), R"({"a":{"b":1},"list":["x"]})");
  const Json& fixed = value;
  EXPECT_TRUE(fixed["none"]["at"]["all"].is_null());
  EXPECT_EQ(fixed["none"].text_or("C"), "C");
  EXPECT_EQ(Json(5.0).as_integer(), 5);
  EXPECT_THROW((void)Json(5.5).as_integer(), std::runtime_error);
  EXPECT_THROW((void)Json("5").as_integer(), std::runtime_error);
  EXPECT_THROW((void)Json(5).as_text(), std::runtime_error);
  EXPECT_THROW((void)fixed["list"].text_or("C"), std::runtime_error);
}

// ---- Skill ----------------------------------------------------------------------------------------------------------

struct Ended {
  int status = 0;
  std::vector<std::string> lines;
  std::string log;
};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; (got = read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(fd);
  return text;
}

// Runs `body` in a child with `input` as its standard input, to its end.
Ended run(const std::function<int()>& body, const std::string& input) {
  int in[2];
  int out[2];
  int err[2];
  EXPECT_EQ(pipe(in) + pipe(out) + pipe(err), 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    for (const int* pair : {in, out, err}) close(pair[0]), close(pair[1]);
    const int code = body();
    std::fflush(nullptr);
    _exit(code);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  EXPECT_EQ(write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(in[1]);
  Ended ended;
  const std::string output = read_all(out[0]);
  ended.log = read_all(err[0]);
  waitpid(child, &ended.status, 0);
  std::size_t begin = 0;
  for (std::size_t end = output.find('\n'); end != std::string::npos; end = output.find('\n', begin)) {
    ended.lines.push_back(output.substr(begin, end - begin));
    begin = end + 1;
  }
  EXPECT_EQ(begin, output.size());
  return ended;
}

Ended serve(Handler handler, const std::string& input) {
  return run(
      [&handler] {
        Skill skill;
        skill.tool("do", "Does.", R"({"type":"object"})", handler);
        return skill.run();
      },
      input);
}

constexpr const char* kCall =
    R"({"type":"call","id":"c1","tool":"do","arguments":{"x":"ü"},"now":5,"zone":{"name":"Europe/Berlin",)"
    R"("abbreviation":"CET","offset_seconds":3600},"settings":{"unit":"C"},"work_directory":"/w"})"
    "\n";

TEST(Skill, DescribesAndAnswers) {
  const Ended ended = serve(
      [](const Json& arguments, Call& call) {
        call.progress(0.5, "half");
        call.progress(7);
        call.output("some");
        call.notify(Json::object({{"rang", true}}));
        return Json::object({{"x", arguments["x"]},
                             {"now", call.now()},
                             {"zone", call.zone().name + " " + call.zone().abbreviation},
                             {"offset", call.zone().offset_seconds},
                             {"unit", call.settings()["unit"]},
                             {"work", call.work_directory()},
                             {"stopped", call.cancelled()}});
      },
      std::string("{\"type\":\"later\"}\n\n{\"type\":\"describe\"}\n") + kCall);
  EXPECT_EQ(ended.status, 0);
  EXPECT_THAT(
      ended.lines,
      ElementsAre(
          R"({"type":"ready"})",
          R"({"type":"tools","tools":[{"type":"function","function":{"name":"do","description":"Does.","parameters":{"type":"object"}}}]})",
          R"({"type":"progress","id":"c1","fraction":0.5,"message":"half"})",
          R"({"type":"progress","id":"c1","fraction":1})", R"({"type":"output","id":"c1","text":"some"})",
          R"({"type":"event","name":"notify","data":{"rang":true}})",
          "{\"type\":\"result\",\"id\":\"c1\",\"value\":{\"x\":\"\xC3\xBC\",\"now\":5,\"zone\":\"Europe/Berlin CET\","
          "\"offset\":3600,\"unit\":\"C\",\"work\":\"/w\",\"stopped\":false}}"));
}

// The program is ended with its answer: what would still be in a buffer is lost.
TEST(Skill, PrintsAreOutBeforeTheAnswer) {
  int in[2];
  int out[2];
  int err[2];
  ASSERT_EQ(pipe(in) + pipe(out) + pipe(err), 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    std::ios::sync_with_stdio(false);
    Skill skill;
    skill.tool("do", "Does.", R"({"type":"object"})", [](const Json& /*arguments*/, Call& /*call*/) -> Json {
      std::printf("with printf ");
      std::cout << "with a stream";
      return nullptr;
    });
    _exit(skill.run());
  }
  for (const int end : {in[0], out[1], err[1]}) close(end);
  ASSERT_EQ(write(in[1], kCall, std::strlen(kCall)), static_cast<ssize_t>(std::strlen(kCall)));
  std::string output;
  std::array<char, 4096> buffer;
  while (output.find("result") == std::string::npos) {
    const ssize_t got = read(out[0], buffer.data(), buffer.size());
    ASSERT_GT(got, 0);
    output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const std::string log = read_all(err[0]);
  EXPECT_THAT(log, HasSubstr("with printf"));
  EXPECT_THAT(log, HasSubstr("with a stream"));
  close(in[1]);
  close(out[0]);
}

TEST(Skill, PrintsAreLogNeverProtocol) {
  const Ended ended = serve(
      [](const Json& /*arguments*/, Call& /*call*/) -> Json {
        std::printf("printed\n");
        (void)!write(1, "written\n", 8);
        (void)!std::system("echo from a child; cat");
        return nullptr;
      },
      kCall);
  EXPECT_THAT(ended.lines, ElementsAre(R"({"type":"ready"})", R"({"type":"result","id":"c1","value":null})"));
  EXPECT_THAT(ended.log, testing::AllOf(HasSubstr("printed"), HasSubstr("written"), HasSubstr("from a child")));
}

TEST(Skill, FailuresAreErrors) {
  const auto last = [](Handler handler) { return serve(std::move(handler), kCall).lines.back(); };
  EXPECT_EQ(last([](const Json&, Call&) -> Json { throw std::runtime_error("no \"way\""); }),
            R"({"type":"error","id":"c1","message":"no \"way\""})");
  EXPECT_THAT(last([](const Json&, Call&) -> Json { throw 7; }), HasSubstr("without saying why"));
  EXPECT_THAT(last([](const Json& arguments, Call&) -> Json { return arguments["x"].as_integer(); }),
              HasSubstr("must be a whole number"));
  const Ended unknown =
      serve([](const Json&, Call&) -> Json { return 1; }, R"({"type":"call","id":"c1","tool":"other"})");
  EXPECT_THAT(unknown.lines.back(), HasSubstr("no tool named other"));
}

TEST(Skill, ACancelIsSeenWhileTheHandlerRuns) {
  const Ended ended = serve(
      [](const Json&, Call& call) -> Json {
        while (!call.cancelled()) usleep(1000);
        throw std::runtime_error("stopped");
      },
      std::string(kCall) + "{\"type\":\"cancel\",\"id\":\"other\"}\n{\"type\":\"cancel\",\"id\":\"c1\"}\n");
  EXPECT_EQ(ended.lines.back(), R"({"type":"error","id":"c1","message":"stopped"})");
}

TEST(Skill, SeveralCallsOneAfterAnother) {
  const Ended ended = serve([](const Json&, Call&) -> Json { return 1; },
                            std::string(kCall) + kCall + "{\"type\":\"call\",\"id\":\"c2\",\"tool\":\"do\"}");
  EXPECT_EQ(ended.lines.size(), 4U);
  EXPECT_EQ(ended.lines.back(), R"({"type":"result","id":"c2","value":1})");
}

TEST(Skill, GarbageOfTheHostEndsIt) {
  EXPECT_EQ(WEXITSTATUS(serve([](const Json&, Call&) -> Json { return 1; }, "no json\n").status), 2);
}

TEST(Skill, ToolsAreChecked) {
  Skill skill;
  const Handler nothing = [](const Json&, Call&) -> Json { return nullptr; };
  EXPECT_THROW(skill.tool("", "x", R"({"type":"object"})", nothing), std::invalid_argument);
  EXPECT_THROW(skill.tool("a b", "x", R"({"type":"object"})", nothing), std::invalid_argument);
  EXPECT_THROW(skill.tool("a", "x", "{", nothing), std::invalid_argument);
  EXPECT_THROW(skill.tool("a", "x", "{}", nothing), std::invalid_argument);
  skill.tool("a", "x", R"({"type":"object"})", nothing);
  EXPECT_THROW(skill.tool("a", "x", R"({"type":"object"})", nothing), std::invalid_argument);
}

TEST(Skill, TheExampleWorks) {
  const Ended ended = run(
      [] {
        execl(LIBREBIRD_EXAMPLE, LIBREBIRD_EXAMPLE, nullptr);
        return 127;
      },
      R"({"type":"call","id":"c1","tool":"word_count","arguments":{"text":"To be or not to be"}})"
      "\n"
      R"({"type":"call","id":"c2","tool":"next_prime","arguments":{"after":7919}})"
      "\n");
  EXPECT_EQ(ended.lines.at(2),
            R"({"type":"result","id":"c1","value":{"different":4,"words":{"be":2,"not":1,"or":1,"to":2}}})");
  EXPECT_EQ(ended.lines.at(3), R"({"type":"result","id":"c2","value":{"prime":7927}})");
  EXPECT_EQ(ended.log, "searching after 7919\n");
}

}  // namespace
}  // namespace librebird
