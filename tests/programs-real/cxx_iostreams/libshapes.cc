#include "shapes.h"

#include <iostream>
#include <numeric>

Shape::~Shape() { std::cout << "gone: " << "a shape\n"; }

namespace {

class Square final : public Shape {
 public:
  explicit Square(double side) : side_(side) {}
  std::string name() const override { return "square"; }
  double area() const override { return side_ * side_; }

 private:
  double side_;
};

struct Announce {
  Announce() { std::cout << "libshapes is constructed\n"; }
  ~Announce() { std::cout << "libshapes is destructed\n"; }
} announce;

}  // namespace

std::unique_ptr<Shape> make_square(double side) { return std::make_unique<Square>(side); }

double total(const std::vector<std::unique_ptr<Shape>> &shapes) {
  return std::accumulate(shapes.begin(), shapes.end(), 0.0,
                         [](double sum, const auto &shape) { return sum + shape->area(); });
}

void for_each_shape(const std::vector<std::unique_ptr<Shape>> &shapes,
                    const std::function<void(const Shape &)> &visit) {
  for (const auto &shape : shapes) visit(*shape);
}

std::ostream &operator<<(std::ostream &out, const Shape &shape) {
  return out << shape.name() << " of " << shape.area();
}
