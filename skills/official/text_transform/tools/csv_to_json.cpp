// CSV (RFC 4180, lenient about line ends) to objects. The text is the data: a path in it is not opened.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird::skills {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxRows = 200;
constexpr std::size_t kMaxColumns = 1000;

using Row = std::vector<std::string>;

class Reader {
 public:
  Reader(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);  // a byte order mark is not data
  }

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

  // The next row; empty for an empty line. An error for a quote that is never closed.
  Result<Row> row() {
    Row row;
    std::string field;
    bool any = false;
    for (;; ++at_) {
      if (at_end() || text_[at_] == '\n' || text_[at_] == '\r') {
        if (any || !field.empty() || !row.empty()) row.push_back(std::move(field));
        end_line();
        return row;
      }
      const char c = text_[at_];
      if (c == '"' && field.empty() && !any) {
        LB_CHECK(quoted(field));
        any = true;
      } else if (c == delimiter_) {
        row.push_back(std::move(field));
        if (row.size() > kMaxColumns) return make_error(Code::invalid_argument, "A line has more than 1000 columns.");
        field.clear();
        any = false;
      } else {
        field += c;
        any = true;
      }
    }
  }

 private:
  // From the opening quote to the closing one, on which it stops.
  Status quoted(std::string& field) {
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] != '"') {
        field += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += '"';
        ++at_;
      } else {
        return Ok{};
      }
    }
    return make_error(Code::invalid_argument, "A quoted field is never closed.");
  }

  void end_line() {
    if (at_end()) return;
    if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    ++at_;
  }

  std::string_view text_;
  char delimiter_;
  std::size_t at_ = 0;
};

Result<char> delimiter_of(const std::string& text) {
  if (text == "\\t" || text == "tab") return '\t';
  if (text.size() != 1 || text[0] == '"' || text[0] == '\n' || text[0] == '\r' || (text[0] & 0x80) != 0) {
    return make_error(Code::invalid_argument, "The delimiter must be one character, for example , or ;.");
  }
  return text[0];
}

json::object object_of(const Row& columns, Row row) {
  json::object object;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    object[columns[i]] = i < row.size() ? json::value(row[i]) : json::value(nullptr);
  }
  if (row.size() > columns.size()) {
    json::array extra;
    for (std::size_t i = columns.size(); i < row.size(); ++i) extra.emplace_back(row[i]);
    object["_extra"] = std::move(extra);
  }
  return object;
}

}  // namespace

Result<json::object> csv_to_json(const json::object& arguments, ToolContext& /*context*/) {
  LB_TRY(text, text_argument(arguments, "text"));
  LB_TRY(delimiter_text, text_argument(arguments, "delimiter", ","));
  LB_TRY(delimiter, delimiter_of(delimiter_text.empty() ? "," : delimiter_text));
  Reader reader(text, delimiter);
  Row columns;
  while (columns.empty() && !reader.at_end()) {
    LB_TRY(row, reader.row());
    columns = std::move(row);
  }
  if (columns.empty()) return make_error(Code::invalid_argument, "The CSV text is empty.");
  std::int64_t rows = 0;
  json::array data;
  while (!reader.at_end()) {
    LB_TRY(row, reader.row());
    if (row.empty()) continue;
    ++rows;
    if (data.size() < kMaxRows) data.emplace_back(object_of(columns, std::move(row)));
  }
  json::array names(columns.begin(), columns.end());
  return json::object{{"rows", rows},
                      {"columns", std::move(names)},
                      {"data", std::move(data)},
                      {"truncated", rows > static_cast<std::int64_t>(kMaxRows)}};
}

}  // namespace librebird::skills
