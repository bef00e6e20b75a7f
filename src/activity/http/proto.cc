#include "activity/http/proto.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/api.pb.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/source_context.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/type.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <climits>

#include "activity/args.h"
#include "activity/outcome.h"
#include "base/json.h"
#include "base/limits.h"

namespace perdure::activity {
namespace {

namespace pb = google::protobuf;

constexpr int k_depth_max = 64;  // of braces: the parser recurses
constexpr std::string_view k_root = "perdure/service.proto";

tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::invalid, std::move(what)); }
std::string quoted(std::string_view text) { return "'" + head(valid_utf8(std::string(text)), 100) + "'"; }

// The first mistake, with its place.
class Mistakes final : public pb::io::ErrorCollector, public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    note("line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": " + message);
  }
  void AddError(const std::string& file, const std::string& element, const pb::Message* /*descriptor*/,
                ErrorLocation /*location*/, const std::string& message) override {
    note((file == k_root ? "" : file + ": ") + element + ": " + message);
  }
  const std::string& first() const { return first_; }

 private:
  void note(std::string what) {
    if (first_.empty()) first_ = std::move(what);
  }
  std::string first_;
};

// What protobuf brings along: no file has to be found for it.
std::vector<const pb::FileDescriptor*> built_in() {
  return {pb::Any::descriptor()->file(),
          pb::Duration::descriptor()->file(),
          pb::Empty::descriptor()->file(),
          pb::FieldMask::descriptor()->file(),
          pb::Struct::descriptor()->file(),
          pb::Timestamp::descriptor()->file(),
          pb::DoubleValue::descriptor()->file(),
          pb::SourceContext::descriptor()->file(),
          pb::Type::descriptor()->file(),
          pb::Api::descriptor()->file(),
          pb::FileDescriptorProto::descriptor()->file()};
}

Status check_depth(const std::string& text) {
  pb::io::ArrayInputStream in(text.data(), static_cast<int>(text.size()));
  Mistakes mistakes;
  pb::io::Tokenizer tokens(&in, &mistakes);
  int depth = 0;
  while (tokens.Next()) {
    const std::string& token = tokens.current().text;
    if (token == "{" || token == "<" || token == "(" || token == "[") ++depth;
    else if (token == "}" || token == ">" || token == ")" || token == "]") --depth;
    if (depth > k_depth_max) return wrong("it nests deeper than " + std::to_string(k_depth_max) + " levels");
  }
  return {};
}

Status parse(const std::string& text, pb::FileDescriptorProto& file) {
  if (text.size() > k_proto_file_bytes_max)
    return wrong("it has more than " + std::to_string(k_proto_file_bytes_max) + " bytes");
  PERDURE_TRY_VOID(check_depth(text));
  pb::io::ArrayInputStream in(text.data(), static_cast<int>(text.size()));
  Mistakes mistakes;
  pb::io::Tokenizer tokens(&in, &mistakes);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&mistakes);
  if (parser.Parse(&tokens, &file) && mistakes.first().empty()) return {};
  return wrong(mistakes.first());
}

class Parsed final : public Proto {
 public:
  Status build(const Files& files);
  Result<ProtoMethod> find(const std::string& service, const std::string& method) const override;
  Result<std::string> encode(const ProtoMethod& method, const Value& arguments) const override;
  Result<Value> decode(const ProtoMethod& method, std::string_view answer) const override;

 private:
  Status add(const std::string& path, const Files& files, std::vector<std::string>& open);
  const pb::MethodDescriptor& at(const ProtoMethod& method) const {
    return *root_->service(method.service_index)->method(method.index);
  }

  pb::DescriptorPool pool_;
  const pb::FileDescriptor* root_ = nullptr;
  mutable pb::DynamicMessageFactory factory_;  // keeps the forms of messages; the driver has one thread
};

Status Parsed::add(const std::string& path, const Files& files, std::vector<std::string>& open) {
  const std::string name = path.empty() ? std::string(k_root) : path;
  if (pool_.FindFileByName(name) != nullptr) return {};
  const auto within = [&](Error error) {
    return path.empty() ? tl::unexpected<Error>(std::move(error)) : wrap(std::move(error), quoted(path));
  };
  if (std::find(open.begin(), open.end(), path) != open.end()) return wrong(quoted(path) + " imports itself");
  const auto text = files.find(path);
  if (text == files.end()) return wrong(quoted(path) + " is imported and not there");
  pb::FileDescriptorProto file;
  if (Status read = parse(text->second, file); !read) return within(read.error());
  file.set_name(name);
  open.push_back(path);
  for (const std::string& import : file.dependency()) PERDURE_TRY_VOID(add(import, files, open));
  open.pop_back();
  Mistakes mistakes;
  if (pool_.BuildFileCollectingErrors(file, &mistakes) == nullptr)
    return within({ErrorCode::invalid, mistakes.first()});
  return {};
}

Status Parsed::build(const Files& files) {
  for (const pb::FileDescriptor* known : built_in()) {
    pb::FileDescriptorProto file;
    known->CopyTo(&file);
    for (const std::string& import : file.dependency())  // api.proto alone has some
      if (pool_.FindFileByName(import) == nullptr) return fail(ErrorCode::internal, import + " comes too late");
    pool_.BuildFile(file);
  }
  std::vector<std::string> open;
  PERDURE_TRY_VOID(add("", files, open));
  root_ = pool_.FindFileByName(std::string(k_root));
  return {};
}

Result<ProtoMethod> Parsed::find(const std::string& service, const std::string& method) const {
  std::vector<std::string> names;
  const pb::ServiceDescriptor* found = nullptr;
  for (int i = 0; i < root_->service_count(); ++i) {
    const pb::ServiceDescriptor* one = root_->service(i);
    if (one->full_name() == service || one->name() == service) found = one;
    names.push_back(one->full_name());
  }
  const auto near = [](const std::string& name, const std::vector<std::string>& all) {
    const auto like = nearest(name, all);
    return like ? "; did you mean " + quoted(*like) + "?" : "";
  };
  if (found == nullptr) return wrong("there is no service " + quoted(service) + near(service, names));
  names.clear();
  for (int i = 0; i < found->method_count(); ++i) {
    const pb::MethodDescriptor* one = found->method(i);
    if (one->name() == method)
      return ProtoMethod{found->full_name(), method, one->server_streaming(), i, found->index()};
    names.push_back(one->name());
  }
  return wrong("the service " + quoted(service) + " has no method " + quoted(method) + near(method, names));
}

Result<std::string> Parsed::encode(const ProtoMethod& method, const Value& arguments) const {
  const pb::MethodDescriptor& descriptor = at(method);
  const std::unique_ptr<pb::Message> message(factory_.GetPrototype(descriptor.input_type())->New());
  const auto read = pb::util::JsonStringToMessage(to_json(arguments), message.get());
  const std::string what = "its arguments are no " + descriptor.input_type()->full_name() + ": ";
  if (!read.ok()) return wrong(what + head(valid_utf8(std::string(read.message())), 300));
  if (!message->IsInitialized()) return wrong(what + "it lacks " + head(message->InitializationErrorString(), 300));
  return message->SerializeAsString();
}

Result<Value> Parsed::decode(const ProtoMethod& method, std::string_view answer) const {
  const pb::MethodDescriptor& descriptor = at(method);
  const std::unique_ptr<pb::Message> message(factory_.GetPrototype(descriptor.output_type())->New());
  const std::string what = "its answer is no " + descriptor.output_type()->full_name();
  if (answer.size() > INT_MAX || !message->ParseFromArray(answer.data(), static_cast<int>(answer.size())))
    return wrong(what);
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto written = pb::util::MessageToJsonString(*message, &json, options);
  if (!written.ok()) return wrong(what + ": " + head(valid_utf8(std::string(written.message())), 300));
  return parse_json(json);
}

// It writes to stderr what it also gives as an error.
void be_quiet() {
  static const bool once = [] {
    pb::SetLogHandler(nullptr);
    return true;
  }();
  (void)once;
}

}  // namespace

Result<std::vector<std::string>> Proto::imports_of(const std::string& text) {
  be_quiet();
  pb::FileDescriptorProto file;
  PERDURE_TRY_VOID(parse(text, file));
  std::vector<std::string> imports;
  const auto known = built_in();
  for (const std::string& import : file.dependency())
    if (std::none_of(known.begin(), known.end(), [&](const auto* one) { return one->name() == import; }))
      imports.push_back(import);
  return imports;
}

Result<std::shared_ptr<const Proto>> Proto::make(const Files& files) {
  be_quiet();
  auto made = std::make_shared<Parsed>();
  PERDURE_TRY_VOID(made->build(files));
  return made;
}

}  // namespace perdure::activity
