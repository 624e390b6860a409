#include "diagnosis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::bubblewrap {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kNoNamespace =
    "bwrap: No permissions to create new namespace, likely because the kernel does not "
    "allow non-privileged user namespaces.\n";
constexpr const char* kUidMap = "bwrap: setting up uid map: Permission denied\n";

Facts debian() {
  Facts facts;
  facts.unprivileged_userns_clone = "1";
  facts.max_user_namespaces = "62765";
  facts.kernel = "6.1.0-28-amd64";
  facts.apparmor_profile = "unconfined";
  facts.group_pids = facts.group_memory = true;
  return facts;
}

TEST(Diagnosis, NamesTheSwitchThatIsOff) {
  Facts facts = debian();
  facts.unprivileged_userns_clone = "0";
  EXPECT_THAT(diagnose(facts, kNoNamespace), HasSubstr("sysctl -w kernel.unprivileged_userns_clone=1"));
  facts = debian();
  facts.max_user_namespaces = "0";
  EXPECT_THAT(diagnose(facts, "bwrap: Creating new namespace failed: No space left on device"),
              HasSubstr("sysctl -w user.max_user_namespaces=15000"));
  facts.max_user_namespaces = "100";
  EXPECT_THAT(diagnose(facts, "bwrap: Creating new namespace failed: No space left on device"),
              HasSubstr("All user namespaces are taken (user.max_user_namespaces=100)"));
}

TEST(Diagnosis, KnowsUbuntu) {
  Facts facts = debian();
  facts.kernel = "6.8.0-49-generic";
  facts.apparmor_restricts_userns = "1";
  EXPECT_THAT(diagnose(facts, kUidMap), HasSubstr("apparmor_parser -r /etc/apparmor.d/bwrap"));
  facts.root = true;  // root is not held back by that
  EXPECT_THAT(diagnose(facts, kUidMap), testing::Not(HasSubstr("AppArmor")));
}

TEST(Diagnosis, KnowsContainers) {
  Facts facts = debian();
  facts.container = "docker";
  facts.filtered = true;
  facts.root = true;
  EXPECT_THAT(diagnose(facts, "bwrap: Creating new namespace failed: Operation not permitted"),
              HasSubstr("--security-opt seccomp=unconfined"));
  facts.masked_proc = true;
  EXPECT_THAT(diagnose(facts, "bwrap: Can't mount proc on /newroot/proc: Operation not permitted"),
              HasSubstr("covers parts of /proc"));
  facts.container = "kubernetes";
  EXPECT_THAT(diagnose(facts, "bwrap: Creating new namespace failed: Operation not permitted"),
              HasSubstr("hostUsers: false"));
}

TEST(Diagnosis, KnowsSystemdFilters) {
  Facts facts = debian();
  facts.filtered = true;
  EXPECT_THAT(diagnose(facts, "bwrap: Creating new namespace failed: Operation not permitted"),
              HasSubstr("RestrictNamespaces="));
}

TEST(Diagnosis, KnowsTheWindowsSubsystem) {
  Facts facts = debian();
  facts.kernel = "4.4.0-19041-Microsoft";
  EXPECT_THAT(diagnose(facts, "bwrap: Creating new namespace failed: Invalid argument"), HasSubstr("--set-version"));
  facts.kernel = "5.15.167.4-microsoft-standard-WSL2";
  EXPECT_THAT(diagnose(facts, kNoNamespace), HasSubstr("wsl --update"));
}

TEST(Diagnosis, SaysWhatItDoesNotKnow) {
  EXPECT_THAT(diagnose(debian(), kUidMap), HasSubstr("allow unprivileged user namespaces to this user"));
  EXPECT_THAT(diagnose(debian(), "bwrap: Creating new namespace failed: Invalid argument"),
              HasSubstr("CONFIG_USER_NS"));
  // A mount that is not there is no matter of the machine.
  EXPECT_THAT(diagnose(debian(), "bwrap: Can't find source path /x: No such file or directory"), IsEmpty());
}

TEST(Diagnosis, RemarksOnWhatCouldBeBetter) {
  EXPECT_THAT(remarks(debian()), IsEmpty());
  Facts facts = debian();
  facts.group_memory = false;
  ASSERT_EQ(remarks(facts).size(), 1U);
  EXPECT_THAT(remarks(facts)[0], HasSubstr("Delegate=yes"));
}

}  // namespace
}  // namespace librebird::bubblewrap
