//! libc++ without exceptions: streams, containers, virtual calls across modules.
//!
//! toolchain: base cxx
//! needed: libshapes
//!
//! run: -L $TOOLCHAIN/lib-none main.wasm
//! stdin: the cat and the dog and the bird
//! stdout: libshapes is constructed
//! stdout: and: 2
//! stdout: bird: 1
//! stdout: cat: 1
//! stdout: dog: 1
//! stdout: the: 3
//! stdout: circle of 3.14159
//! stdout: square of 4
//! stdout: total 7.14
//! stdout: called 2 times; a circle
//! stdout: ff true ***
//! stdout: gone: a shape
//! stdout: gone: a shape
//! stdout: libshapes is destructed
#include <algorithm>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "shapes.h"

namespace {

class Circle final : public Shape {
 public:
  explicit Circle(double radius) : radius_(radius) {}
  std::string name() const override { return "circle"; }
  double area() const override { return 3.14159 * radius_ * radius_; }

 private:
  double radius_;
};

}  // namespace

int main() {
  std::map<std::string, int> counts;
  for (std::string word; std::cin >> word;) counts[word]++;
  for (const auto &[word, count] : counts) std::cout << word << ": " << count << '\n';

  std::vector<std::unique_ptr<Shape>> shapes;
  shapes.push_back(make_square(2));
  shapes.push_back(std::make_unique<Circle>(1));
  std::sort(shapes.begin(), shapes.end(), [](auto &a, auto &b) { return a->area() < b->area(); });
  for (const auto &shape : shapes) std::cout << *shape << '\n';
  std::cout << "total " << std::fixed << std::setprecision(2) << total(shapes) << '\n';

  // A function object made here, called there, and a type known by its name in both.
  int calls = 0;
  for_each_shape(shapes, [&](const Shape &) { calls++; });
  std::cout << "called " << calls << " times; "
            << (dynamic_cast<Circle *>(shapes[0].get()) ? "a circle" : "no circle") << '\n';

  std::ostringstream out;
  out << std::hex << 255 << ' ' << std::boolalpha << true << ' ' << std::string(3, '*');
  std::cout << out.str() << std::endl;
}
