//! Runs a script over libraries that tests/graphs.rs generates, whose names are digits.
//!
//! kind: program
//! args: N0
#include "test.h"

/* What the libraries print with: they have no library of C. */
void say_plus(int name) { printf("+%d\n", name); }
void say_minus(int name) { printf("-%d\n", name); }
int say_next(int name, function *next) {
  if (next == NULL) return printf("%d: nothing is next: %s\n", name, error());
  return next();
}

static void *handles[10];
static int counts[10];

static void open_library(int name, char mode) {
  int flags = mode == 'g'   ? RTLD_NOW | RTLD_GLOBAL
              : mode == 'd' ? RTLD_NOW | RTLD_NODELETE
              : mode == 'l' ? RTLD_NOW | RTLD_NOLOAD
              : mode == 'p' ? RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL
              : mode == 'b' ? RTLD_NOW | RTLD_DEEPBIND
                            : RTLD_NOW;
  char file[32];
  snprintf(file, sizeof file, "lib%d.so", name);
  void *handle = opened(file, flags);
  if (handle == NULL) return;
  handles[name] = handle;
  counts[name]++;
}

static void show(void *handle, const char *name, int number) {
  char symbol[32];
  snprintf(symbol, sizeof symbol, "%s%d", name, number);
  call(handle, symbol);
}

/* o1n: open lib1.so; c1: close it; s12: find s2 in it; F1: call f1; X1: call next1; D2: s2 by RTLD_DEFAULT; N1: whether
   it is loaded. */
int main(int argc, char **argv) {
  if (argc < 2) return 2;
  for (const char *at = argv[1]; *at != '\0';) {
    char what = *at++;
    int name = *at++ - '0';
    int is_open = counts[name] > 0;
    if (what == 'o') open_library(name, *at++);
    if (what == 's' && is_open) show(handles[name], "s", at[0] - '0');
    if (what == 's') at++;
    if (what == 'F' && is_open) show(handles[name], "f", name);
    if (what == 'X' && is_open) show(handles[name], "next", name);
    if (what == 'D') show(RTLD_DEFAULT, "s", name);
    if (what == 'N') {
      char file[32];
      snprintf(file, sizeof file, "lib%d.so", name);
      loaded(file);
    }
    if (what == 'c' && is_open) {
      printf("closing %d\n", name);
      counts[name]--;
      closed(handles[name]);
    }
  }
  puts("end");
}
