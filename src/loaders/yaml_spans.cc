#include "loaders/yaml_spans.h"

#include <yaml.h>

#include "base/limits.h"

namespace perdure::loaders {
namespace {

struct Parser {
  yaml_parser_t raw{};
  Parser() { yaml_parser_initialize(&raw); }
  ~Parser() { yaml_parser_delete(&raw); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
};
struct Event {
  yaml_event_t raw{};
  ~Event() { yaml_event_delete(&raw); }
};

YamlSpan::Kind kind_of(yaml_scalar_style_t style) {
  switch (style) {
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE: return YamlSpan::Kind::block;
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return YamlSpan::Kind::quoted;
    default: return YamlSpan::Kind::plain;
  }
}

YamlSpan span(const yaml_mark_t& from, const yaml_mark_t& to, YamlSpan::Kind kind) {
  // A block scalar ends where the next line begins, maybe behind that line's indentation.
  const bool next_line = kind == YamlSpan::Kind::block && to.line > from.line;
  return {static_cast<std::uint32_t>(from.line + 1), static_cast<std::uint32_t>(next_line ? to.line : to.line + 1),
          kind};
}

}  // namespace

std::optional<std::vector<YamlSpan>> read_spans(std::string_view text) {
  Parser parser;
  yaml_parser_set_encoding(&parser.raw, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser.raw, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::vector<YamlSpan> spans;
  std::vector<std::pair<bool, yaml_mark_t>> open;  // flow?, begin
  for (;;) {
    Event event;
    if (yaml_parser_parse(&parser.raw, &event.raw) == 0 || open.size() > k_yaml_depth_max) return std::nullopt;
    switch (event.raw.type) {
      case YAML_STREAM_END_EVENT: return spans;
      case YAML_SCALAR_EVENT:
        if (event.raw.end_mark.line > event.raw.start_mark.line) {
          spans.push_back(span(event.raw.start_mark, event.raw.end_mark, kind_of(event.raw.data.scalar.style)));
        }
        break;
      case YAML_SEQUENCE_START_EVENT:
        open.push_back({event.raw.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE, event.raw.start_mark});
        break;
      case YAML_MAPPING_START_EVENT:
        open.push_back({event.raw.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE, event.raw.start_mark});
        break;
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: {
        const auto [flow, begin] = open.back();
        open.pop_back();
        if (flow && event.raw.end_mark.line > begin.line)
          spans.push_back(span(begin, event.raw.end_mark, YamlSpan::Kind::flow));
        break;
      }
      default: break;
    }
  }
}

}  // namespace perdure::loaders
