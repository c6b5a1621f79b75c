#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

class Shape {
 public:
  virtual ~Shape();
  virtual std::string name() const = 0;
  virtual double area() const = 0;
};

std::unique_ptr<Shape> make_square(double side);
double total(const std::vector<std::unique_ptr<Shape>> &shapes);
void for_each_shape(const std::vector<std::unique_ptr<Shape>> &shapes,
                    const std::function<void(const Shape &)> &visit);
std::ostream &operator<<(std::ostream &out, const Shape &shape);
