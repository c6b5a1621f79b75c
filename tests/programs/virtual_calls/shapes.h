class Shape {
 public:
  Shape() { alive++; }
  virtual ~Shape();
  virtual const char *name() const = 0;
  virtual int area() const;
  static int alive;
};

Shape *make_square(int side);
int sum_of_areas(Shape *const *shapes, int count);

// Instantiated in both modules: weak definitions, of which one serves, and so there is one count.
template <typename T>
T biggest(T a, T b, int *calls_so_far) {
  static int calls;
  *calls_so_far = ++calls;
  return a < b ? b : a;
}
