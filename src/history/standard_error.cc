// Faults as errors of the Open Workflow Specification.
#include "history/standard_error.h"

#include <array>

#include "base/json.h"

namespace perdure::history {
namespace {

constexpr std::string_view k_types = "https://open-workflow-specification.org/spec/1.0.0/errors/";
constexpr std::string_view k_hosts[] = {"open-workflow-specification.org/", "serverlessworkflow.io/"};

struct Mapped {
  std::string_view prefix, id;  // id: the name of a standard error, or a whole URI
  int status;
};
// Faults of ours, by the beginning of their type, as the specification calls them.
constexpr std::array<Mapped, 24> k_mapped{{{"secret", "authorization", 403},
                                           {"review.rejected", "https://perdure.dev/errors/review-rejected", 403},
                                           {"review.timeout", "timeout", 408},
                                           {"http.blocked", "authorization", 403},
                                           {"http", "communication", 500},
                                           {"grpc.request", "configuration", 400},
                                           {"grpc.proto", "configuration", 400},
                                           {"grpc.UNAUTHENTICATED", "authentication", 401},
                                           {"grpc.PERMISSION_DENIED", "authorization", 403},
                                           {"grpc.DEADLINE_EXCEEDED", "timeout", 408},
                                           {"grpc", "communication", 500},
                                           {"asyncapi", "configuration", 400},
                                           {"ws", "communication", 500},
                                           {"container", "configuration", 400},
                                           {"timeout", "timeout", 408},
                                           {"expression", "expression", 400},
                                           {"schema", "validation", 400},
                                           {"validation", "configuration", 400},  // of what a driver is given
                                           {"configuration", "configuration", 400},
                                           {"openapi", "configuration", 400},
                                           {"auth.token", "authentication", 401},
                                           {"subflow.not_found", "configuration", 400},
                                           {"subflow.unavailable", "configuration", 400},
                                           {"activity.unknown", "configuration", 400}}};

}  // namespace

std::string error_type(std::string_view type) {
  std::string_view rest = type;
  for (const std::string_view scheme : {std::string_view("https://"), std::string_view("http://")})
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  bool standard = false;
  for (const std::string_view host : k_hosts)
    if (rest.starts_with(host)) {
      rest.remove_prefix(host.size());
      standard = true;
    }
  if (!standard) return std::string(type);
  for (const std::string_view path : {std::string_view("dsl/errors/types/"), std::string_view("spec/1.0.")}) {
    if (!rest.starts_with(path)) continue;
    const std::string_view name = rest.substr(rest.rfind('/') + 1);
    const std::string_view between = rest.substr(path.size(), rest.size() - path.size() - name.size());
    const bool version = between.size() > 8 && between.ends_with("/errors/") &&
                         between.find_first_not_of("0123456789") == between.size() - 8;
    if (between.empty() || version) return std::string(k_types) + std::string(name);
  }
  return std::string(type);
}

Value error_value(const Fault& fault) {
  auto error = Value::object();
  const bool ours = fault.type.find(':') == std::string::npos && !fault.type.starts_with("/");
  std::string type = fault.type;
  int status = fault.status;
  if (ours) {
    std::string_view id = "runtime";
    int usual = 500;
    for (const Mapped& one : k_mapped)
      if (fault.type.starts_with(one.prefix)) {
        id = one.id;
        usual = one.status;
        break;
      }
    type = id.starts_with("https://") ? std::string(id) : std::string(k_types) + std::string(id);
    if (status == 0 || id == "runtime") status = usual;
    if (fault.type.starts_with("http.") && status == usual)
      if (const auto code = parse_json(std::string_view(fault.type).substr(5)); code && code->is_integer())
        status = static_cast<int>(code->as_int());
  }
  error.set("type", type);
  error.set("status", Value(static_cast<std::int64_t>(status)));
  error.set("title", fault.title);
  if (!fault.detail.empty()) error.set("detail", fault.detail);
  if (!fault.step.empty()) error.set("instance", fault.step);
  return error;
}

FaultPtr standard_fault(const Fault& fault) {
  auto standard = std::make_shared<Fault>(fault);
  const Value error = error_value(fault);
  standard->type = std::string(error.find("type")->as_string());
  standard->status = static_cast<int>(error.find("status")->as_int());
  if (fault.type == "timeout.run") standard->step = "/timeout";
  return standard;
}

}  // namespace perdure::history
