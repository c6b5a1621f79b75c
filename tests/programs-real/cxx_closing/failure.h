#include <exception>

// A type that libfailure.so alone describes: its first virtual function is defined there.
struct Failure : std::exception {
  int number;
  explicit Failure(int number) : number(number) {}
  const char *what() const noexcept override;
};
