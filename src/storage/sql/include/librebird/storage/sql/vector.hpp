#pragma once

// Vectors as they are stored: bytes (floats of 4 bytes, the lowest first) on SQLite, text on PostgreSQL; both keep
// every bit. Private to src/storage. Pure functions; any thread.

#include <librebird/base/result.hpp>

#include <bit>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

static_assert(std::endian::native == std::endian::little, "vectors are stored as they are in memory");

[[nodiscard]] std::string vector_bytes(std::span<const float> vector);
// False: of another size.
[[nodiscard]] bool vector_from_bytes(std::string_view bytes, std::span<float> out);
// `{0.5,-1}`, PostgreSQL's text of an array of floats, and back.
[[nodiscard]] std::string array_text(std::span<const float> vector);
// False: no such text, or of another size.
[[nodiscard]] bool vector_from_array(std::string_view text, std::span<float> out);

// From and to the bytes, for copies. data_loss: they are not of this size.
Result<std::string> bytes_of_array(std::string_view text, std::size_t size);
Result<std::string> array_of_bytes(std::string_view bytes, std::size_t size);

}  // namespace librebird::storage
