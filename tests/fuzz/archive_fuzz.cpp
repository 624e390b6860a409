// Archives of any bytes: read to the end or refused with a sentence; every name stays below its folder.
// fuzz-links: librebird_base_archive
#include <librebird/base/archive.hpp>
#include <librebird/base/utf8.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace librebird;
  constexpr std::uint64_t kRoom = 1U << 20;
  static const int file = ::memfd_create("archive", MFD_CLOEXEC);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  const auto reader = ArchiveReader::open("/proc/self/fd/" + std::to_string(file), kRoom);
  if (!reader) {
    if (!is_utf8(reader.error().message)) std::abort();
    return 0;
  }
  while (true) {
    const auto member = (*reader)->next();
    if (!member && !is_utf8(member.error().message)) std::abort();
    if (!member || !*member) break;
    if (!is_archive_path((*member)->path)) std::abort();
  }
  if ((*reader)->bytes() > kRoom + (1U << 20)) std::abort();
  return 0;
}
