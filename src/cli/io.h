#pragma once
// The process's edge: terminal, files, environment, clock, Ctrl-C. Verbs see only this, so tests run them whole with a
// terminal made of strings.
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"

namespace perdure::cli {

class Io {
 public:
  virtual ~Io() = default;

  // Data goes to `out`, everything said to people to `err`. A reader that went away is no error.
  virtual void out(std::string_view text) = 0;
  virtual void err(std::string_view text) = 0;
  virtual bool out_is_terminal() const = 0;
  virtual bool err_is_terminal() const = 0;
  virtual bool in_is_terminal() const = 0;
  struct Size {
    int columns = 80, rows = 24;
  };
  virtual Size size() const = 0;           // of the terminal behind `err`, now
  virtual bool output_failed() const = 0;  // disk full or the like; not a closed pipe

  virtual Result<std::string> read_input(std::size_t limit) = 0;  // stdin to its end
  virtual std::optional<std::string> read_line() = 0;             // none: at the end, or interrupted
  virtual std::optional<std::string> env(const char* name) const = 0;
  virtual TimeMs now_ms() = 0;

  // Ctrl-C and SIGTERM: from the first call on they set a flag; a second one ends the process at once.
  virtual void catch_interrupts() = 0;
  virtual bool interrupted() const = 0;
};

std::unique_ptr<Io> make_io();

// A whole file of at most `limit` bytes. Refuses folders, sockets and devices by saying so.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = k_file_bytes_max);
// All or nothing: beside the file, then renamed. With `exclusive` an existing file is `conflict`.
Status write_file(const std::filesystem::path& path, std::string_view bytes, bool exclusive);
// Opens the user's $VISUAL or $EDITOR on the text and gives back what was saved.
Result<std::string> edit_text(Io& io, std::string_view text, std::string_view suffix);

}  // namespace perdure::cli
