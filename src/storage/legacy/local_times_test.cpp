#include "local_times.hpp"

#include <gtest/gtest.h>

namespace librebird::storage::legacy {
namespace {

std::string utc(const std::string& zone, std::string_view text, UnixMillis not_before = 0) {
  const auto times = LocalTimes::in(zone);
  EXPECT_TRUE(times.ok());
  const auto time = times->parse(text, not_before);
  return time ? to_rfc3339(*time) : "no time";
}

TEST(LocalTimes, AreReadInTheirZone) {
  EXPECT_EQ(utc("UTC", "2025-11-22 17:04:05"), "2025-11-22T17:04:05.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-01-15 12:00:00"), "2025-01-15T11:00:00.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-07-15 12:00:00"), "2025-07-15T10:00:00.000Z");
  EXPECT_EQ(utc("Asia/Kathmandu", "2025-07-15 12:00:00"), "2025-07-15T06:15:00.000Z");
  EXPECT_EQ(utc("America/New_York", "2039-07-15 12:00:00"), "2039-07-15T16:00:00.000Z") << "beyond the zone's table";
}

TEST(LocalTimes, HaveTheFormsTheAppWrote) {
  EXPECT_EQ(utc("Europe/Berlin", "2025-01-15T12:00:00.123456"), "2025-01-15T11:00:00.123Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-01-15T12:00:00.5"), "2025-01-15T11:00:00.500Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-01-15T12:00:00Z"), "2025-01-15T12:00:00.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-01-15T12:00:00-05:30"), "2025-01-15T17:30:00.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-01-15T12:00:00+0200"), "2025-01-15T10:00:00.000Z");
}

TEST(LocalTimes, WhatTheClockSkippedLandsBehindTheGap) {
  // 2025-03-30 02:00 became 03:00.
  EXPECT_EQ(utc("Europe/Berlin", "2025-03-30 01:59:59"), "2025-03-30T00:59:59.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-03-30 02:30:00"), "2025-03-30T01:30:00.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-03-30 03:00:00"), "2025-03-30T01:00:00.000Z");
}

TEST(LocalTimes, WhatTheClockShowedTwiceKeepsTheOrder) {
  // 2025-10-26 03:00 became 02:00.
  const auto times = LocalTimes::in("Europe/Berlin");
  ASSERT_TRUE(times.ok());
  EXPECT_EQ(utc("Europe/Berlin", "2025-10-26 02:30:00"), "2025-10-26T00:30:00.000Z");
  const UnixMillis later = *times->parse("2025-10-26 02:45:00");
  EXPECT_EQ(utc("Europe/Berlin", "2025-10-26 02:30:00", later), "2025-10-26T01:30:00.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-10-26 04:00:00", later), "2025-10-26T03:00:00.000Z");
  EXPECT_EQ(utc("Europe/Berlin", "2025-10-26 01:00:00", later), "2025-10-25T23:00:00.000Z") << "no other reading";
}

TEST(LocalTimes, RefuseWhatIsNoTime) {
  for (const char* text :
       {"", "yesterday", "2025-02-30 12:00:00", "2025-13-01 00:00:00", "2025-00-01 00:00:00", "2025-01-15",
        "2025-01-15 24:00:00", "2025-01-15 12:60:00", "2025-01-15 12:00:61", "2025-01-15 12:00", "25-01-15 12:00:00",
        "2025-01-15 12:00:00 ", "2025-01-15 12:00:00.", "2025-01-15 12:00:00.1234567890", "2025-01-15 12:00:00x",
        "2025-01-15 12:00:00+9", "2025-01-15 12:00:00+99:00", "-025-01-15 12:00:00", "1736942400"}) {
    EXPECT_EQ(utc("Europe/Berlin", text), "no time") << text;
  }
}

TEST(LocalTimes, RefuseUnknownZones) {
  for (const char* zone : {"Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "CEST+nonsense"}) {
    const auto times = LocalTimes::in(zone);
    ASSERT_FALSE(times.ok()) << zone;
    EXPECT_EQ(times.error().code, Code::invalid_argument);
  }
  EXPECT_TRUE(LocalTimes::in("").ok());
}

TEST(LocalTimes, KnowDaysThatExist) {
  EXPECT_TRUE(is_date("2024-02-29"));
  for (const char* text : {"2025-02-29", "2025-1-1", "2025-01-01 ", "20250101", ""})
    EXPECT_FALSE(is_date(text)) << text;
}

}  // namespace
}  // namespace librebird::storage::legacy
