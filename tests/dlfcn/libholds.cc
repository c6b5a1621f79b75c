//! An object that holds a library as long as it lives.
#define NAME "holds"
#include "loud.h"
#include "test.h"

struct Library {
  void *handle;
  explicit Library(const char *name) : handle(opened(name, RTLD_NOW)) {}
  ~Library() {
    puts("letting go");
    if (handle != NULL) closed(handle);
  }
};
static Library b("libb.so");
static Library missing("libnowhere.so");
extern "C" int holds() { return b.handle != NULL && missing.handle == NULL; }
