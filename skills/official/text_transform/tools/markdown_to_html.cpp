// Markdown (GitHub's flavour) to HTML with cmark-gfm in its safe mode: raw HTML and javascript: links are left out.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>

#include <cstdlib>
#include <memory>

namespace librebird::skills {
namespace {

struct FreeParser {
  void operator()(cmark_parser* parser) const { cmark_parser_free(parser); }
};
struct FreeNode {
  void operator()(cmark_node* node) const { cmark_node_free(node); }
};
struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

constexpr int kOptions = CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8;

}  // namespace

Result<boost::json::object> markdown_to_html(const boost::json::object& arguments, ToolContext& /*context*/) {
  LB_TRY(text, text_argument(arguments, "text"));
  cmark_gfm_core_extensions_ensure_registered();
  const std::unique_ptr<cmark_parser, FreeParser> parser(cmark_parser_new(kOptions));
  for (const char* name : {"table", "strikethrough", "autolink", "tagfilter", "tasklist"}) {
    if (cmark_syntax_extension* extension = cmark_find_syntax_extension(name)) {
      cmark_parser_attach_syntax_extension(parser.get(), extension);
    }
  }
  cmark_parser_feed(parser.get(), text.data(), text.size());
  const std::unique_ptr<cmark_node, FreeNode> document(cmark_parser_finish(parser.get()));
  const std::unique_ptr<char, FreeText> html(
      cmark_render_html(document.get(), kOptions, cmark_parser_get_syntax_extensions(parser.get())));
  std::string out = html.get();
  while (out.ends_with('\n')) out.pop_back();
  return boost::json::object{
      {"html", out}, {"input_length", count_characters(text)}, {"output_length", count_characters(out)}};
}

}  // namespace librebird::skills
