#include "storage/embedded/blobs.h"

#include <algorithm>

#include "base/hash.h"

namespace perdure::storage {
namespace {

bool is_blob_name(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

tl::unexpected<Error> no_such_blob(std::string_view name) {
  return fail(ErrorCode::not_found, "blob " + std::string(name) + " does not exist");
}

}  // namespace

Result<std::string> Blobs::put(const Bytes& content) {
  std::string name = sha256_hex(content.view());
  PERDURE_TRY(there, files_.exists(path(name)));
  PERDURE_TRY_VOID(files_.make_directory(shelf(name)));
  if (there) {  // perhaps since a put that failed to make its name durable
    PERDURE_TRY_VOID(files_.sync_directory(shelf(name)));
    return name;
  }
  if (Status written = replace_file(files_, shelf(name), name, content.view()); !written) {
    static_cast<void>(files_.remove(path(name) + ".new"));  // gives the space back; absent is fine
    return tl::unexpected<Error>(std::move(written).error());
  }
  return name;
}

Result<Bytes> Blobs::get(std::string_view name) const {
  if (!is_blob_name(name)) return no_such_blob(name);
  auto content = files_.read(path(name));
  if (!content && content.error().code == ErrorCode::not_found) return no_such_blob(name);
  if (!content) return tl::unexpected<Error>(std::move(content).error());
  if (sha256_hex(*content) != name)
    return fail(ErrorCode::corrupt, path(name) + ": byte 0: the content does not match its name");
  return Bytes(std::move(*content));
}

Result<std::vector<std::string>> Blobs::scan(std::string_view after, std::size_t limit) const {
  std::vector<std::string> names;
  PERDURE_TRY(there, files_.exists(directory_));
  if (!there) return names;
  PERDURE_TRY(shelves, files_.list(directory_));
  for (const std::string& each : shelves) {
    if (each.size() != 2 || each < after.substr(0, 2)) continue;
    PERDURE_TRY(found, files_.list(directory_ + "/" + each));
    for (std::string& name : found) {
      if (names.size() == limit) return names;
      if (is_blob_name(name) && name > after) names.push_back(std::move(name));
    }
  }
  return names;
}

Status Blobs::erase(std::string_view name) {
  if (!is_blob_name(name)) return no_such_blob(name);
  Status removed = files_.remove(path(name));
  if (!removed && removed.error().code == ErrorCode::not_found) return no_such_blob(name);
  if (!removed) return removed;
  return files_.sync_directory(shelf(name));
}

Status Blobs::copy_to(const std::string& directory) const {
  PERDURE_TRY(names, scan("", SIZE_MAX));
  const Blobs copies(files_, directory);
  PERDURE_TRY_VOID(files_.make_directory(directory));
  for (const std::string& name : names) {
    PERDURE_TRY_VOID(files_.make_directory(copies.shelf(name)));
    PERDURE_TRY_VOID(files_.copy(path(name), copies.path(name)));
    PERDURE_TRY_VOID(files_.sync_directory(copies.shelf(name)));
  }
  return {};
}

}  // namespace perdure::storage
