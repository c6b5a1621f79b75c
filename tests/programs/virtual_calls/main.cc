//! C++ without its library: virtual calls, static objects and operator new across modules.
//!
//! needed: libshapes
//!
//! run: main.wasm
//! stdout: static object of the library is made
//! stdout: static object of main is made
//! stdout: sum of areas: 31
//! stdout: triangle: 6
//! stdout: triangle is gone
//! stdout: square: 25
//! stdout: square is gone
//! stdout: local static is made
//! stdout: shapes left: 0
//! stdout: biggest of 3, 9, 5: 9, call number 3
//! stdout: local static is gone
//! stdout: static object of main is gone
//! stdout: static object of the library is gone
#include <stdio.h>

#include "shapes.h"

namespace {

// A class of main, derived from one of the library, called by the library.
class Triangle final : public Shape {
 public:
  Triangle(int base, int height) : base_(base), height_(height) {}
  ~Triangle() override { puts("triangle is gone"); }
  const char *name() const override { return "triangle"; }
  int area() const override { return base_ * height_ / 2; }

 private:
  int base_, height_;
};

struct Guard {
  explicit Guard(const char *name) : name(name) { printf("%s is made\n", name); }
  ~Guard() { printf("%s is gone\n", name); }
  const char *name;
};

Guard guard("static object of main");

Guard &local() {
  static Guard guard("local static");
  return guard;
}

}  // namespace

int main() {
  Shape *shapes[] = {new Triangle(3, 4), make_square(5)};
  printf("sum of areas: %d\n", sum_of_areas(shapes, 2));
  for (Shape *shape : shapes) {
    printf("%s: %d\n", shape->name(), shape->area());
    delete shape;
  }
  local();
  local();
  printf("shapes left: %d\n", Shape::alive);
  int calls;
  int found = biggest(biggest(3, 9, &calls), 5, &calls);
  printf("biggest of 3, 9, 5: %d, call number %d\n", found, calls);
  return 0;
}
