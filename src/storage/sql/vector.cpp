#include <librebird/storage/sql/vector.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <iterator>

namespace librebird::storage {

std::string vector_bytes(std::span<const float> vector) {
  return {reinterpret_cast<const char*>(vector.data()), vector.size_bytes()};
}

bool vector_from_bytes(std::string_view bytes, std::span<float> out) {
  if (bytes.size() != out.size_bytes()) return false;
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return true;
}

std::string array_text(std::span<const float> vector) {
  std::string out = "{";
  for (const float value : vector) fmt::format_to(std::back_inserter(out), "{}{}", out.size() == 1 ? "" : ",", value);
  out += '}';
  return out;
}

bool vector_from_array(std::string_view text, std::span<float> out) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return false;
  const char* at = text.data() + 1;
  const char* const end = text.data() + text.size() - 1;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i > 0 && (at == end || *at++ != ',')) return false;
    const auto [next, error] = std::from_chars(at, end, out[i]);
    if (error != std::errc{}) return false;
    at = next;
  }
  return at == end;
}

Result<std::string> bytes_of_array(std::string_view text, std::size_t size) {
  std::vector<float> vector(size);
  if (vector_from_array(text, vector)) return vector_bytes(vector);
  return {Code::data_loss, fmt::format("A vector in the database is not {} numbers.", size)};
}

Result<std::string> array_of_bytes(std::string_view bytes, std::size_t size) {
  std::vector<float> vector(size);
  if (vector_from_bytes(bytes, vector)) return array_text(vector);
  return {Code::data_loss, fmt::format("A vector in the database is not {} numbers.", size)};
}

}  // namespace librebird::storage
