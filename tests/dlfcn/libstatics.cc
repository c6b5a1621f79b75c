//! Objects with destructors: two of the library's own, an array, one made by a call, one that is never made.
//! cflags: -fno-threadsafe-statics
#include <stdio.h>

struct Loud {
  const char *name;
  explicit Loud(const char *name) : name(name) { printf("make %s\n", name); }
  ~Loud() { printf("end %s\n", name); }
};

static Loud first("first"), second("second");
static Loud pair[2] = {Loud("pair 0"), Loud("pair 1")};
__attribute__((constructor)) static void construct() { puts("+statics"); }
__attribute__((destructor)) static void destruct() { puts("-statics"); }

extern "C" int late() {
  static Loud made("late");
  return made.name[0];
}
extern "C" int never() {
  static Loud made("never");
  return made.name[0];
}
