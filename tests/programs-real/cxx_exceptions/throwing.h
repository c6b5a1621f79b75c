#pragma once
#include <stdexcept>
#include <string>

// Thrown by libthrow, known to everybody.
struct Broken : std::runtime_error {
  Broken(const std::string &what, int code) : std::runtime_error(what), code(code) {}
  int code;
};

namespace shop {
struct Closed {
  int until;
};
}  // namespace shop

// Says when it goes.
struct Guard {
  explicit Guard(const char *name);
  ~Guard();
  const char *name;
};

// libthrow: throws what the number stands for.
void throw_number(int number);
// libpass: calls libthrow with guards around.
void pass(int number);
void pass_and_rethrow(int number);
int count_down(int depth);
