#include "convert/convert.h"

#include <algorithm>

#include "convert/comments.h"
#include "convert/converter.h"

namespace perdure::convert {

std::size_t Converted::lost() const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.lost; }));
}

Value to_json(const Finding& finding) {
  Value v = loaders::to_json(finding.at);
  v.erase("severity");
  v.set("lost", finding.lost);
  return v;
}

Result<Converted> convert(const loaders::Loaded& loaded, std::string_view text, std::string_view file_name,
                          std::optional<Dialect> to) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Converted made;
  made.diagnostics = loaded.diagnostics;
  if (!loaded.ok()) return made;
  const Dialect from = loaded.plan->data_flow ? Dialect::ows : Dialect::native;
  made.to = to.value_or(from == Dialect::ows ? Dialect::native : Dialect::ows);
  if (made.to == from) {
    made.text = std::string(text);
    return made;
  }
  const loaders::SourceText source(text, file_name);
  std::vector<loaders::Diagnostic> none;
  const auto tree = loaders::read_yaml(source, {}, none);
  if (!tree) return fail(ErrorCode::internal, "the file was read once and could not be read again");
  Doc root = from == Dialect::native ? to_ows(*loaded.plan, source, *tree, made.findings)
                                     : to_native(*loaded.plan, source, *tree, made.findings);
  const std::vector<std::string> tail = place_comments(text, root);
  made.text = to_yaml(root, tail);
  std::stable_sort(made.findings.begin(), made.findings.end(), [](const Finding& a, const Finding& b) {
    return std::pair(a.at.place.line, a.at.place.column) < std::pair(b.at.place.line, b.at.place.column);
  });
  const loaders::Loaded again = loaders::load(made.text, "the converted file");
  if (again.ok()) return made;
  return fail(ErrorCode::exhausted, "the converted file can't be loaded: line " +
                                        std::to_string(again.diagnostics.front().place.line) + ": " +
                                        again.diagnostics.front().message);
}

}  // namespace perdure::convert
