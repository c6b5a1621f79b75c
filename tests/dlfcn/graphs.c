//! Runs a script over libraries that tests/graphs.rs generates, whose names are digits. A second argument says what their
//! constructors and destructors do: `+3o5n;` opens lib5.so when lib3.so is constructed, `-3` when it is destructed, and `!0`
//! in the first handler of atexit().
//!
//! kind: program
//! args: N0
#include "test.h"

static const char *hooks = "";
static void run(const char *script);

/* Libraries that open each other again when they go would never end. */
static int hooks_left = 12;
/* Whether nothing is opened now. While dlclose() runs destructors, glibc still finds what it will unload, and leaves
   handles that lead nowhere. */
static int is_closing;

static void run_hook(char what, int name) {
  for (const char *at = hooks; *at != '\0'; at++)
    if (at[0] == what && at[1] == '0' + name && hooks_left-- > 0) run(at + 2);
}

/* What the libraries print with: they have no library of C. */
void say_plus(int name) {
  printf("+%d\n", name);
  run_hook('+', name);
}
void say_minus(int name) {
  printf("-%d\n", name);
  run_hook('-', name);
}
static void handler_0(void) {
  puts("handler 0");
  run_hook('!', 0);
}
static void handler_1(void) {
  puts("handler 1");
  run_hook('!', 1);
}
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
              : mode == 'G' ? RTLD_NOW | RTLD_NODELETE | RTLD_GLOBAL
              : mode == 'L' ? RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE
              : mode == 'B' ? RTLD_NOW | RTLD_DEEPBIND | RTLD_GLOBAL
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

/* o1n: open lib1.so; c1: close it; s12: find s2 in it; F1: call f1; X1: call next1; E1: call default1; D2: s2 by
   RTLD_DEFAULT; N1: whether it is loaded; A1: register a handler. */
static void run(const char *at) {
  while (*at != '\0' && *at != ';') {
    char what = *at++;
    int name = *at++ - '0';
    int is_open = counts[name] > 0;
    if (what == 'o' && !is_closing) open_library(name, *at);
    if (what == 'o') at++;
    if (what == 's' && is_open) show(handles[name], "s", at[0] - '0');
    if (what == 's') at++;
    if (what == 'F' && is_open) show(handles[name], "f", name);
    if (what == 'X' && is_open) show(handles[name], "next", name);
    if (what == 'E' && is_open) show(handles[name], "default", name);
    if (what == 'D') show(RTLD_DEFAULT, "s", name);
    if (what == 'A') atexit(name == 0 ? handler_0 : handler_1);
    if (what == 'N') {
      char file[32];
      snprintf(file, sizeof file, "lib%d.so", name);
      loaded(file);
    }
    if (what == 'c' && is_open) {
      printf("closing %d\n", name);
      counts[name]--;
      is_closing++;
      closed(handles[name]);
      is_closing--;
    }
  }
}

__attribute__((constructor)) static void before(void) {
#ifndef __wasm__
  fflush(stdout);
  setvbuf(stdout, NULL, _IONBF, 0);
#endif
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (argc > 2) hooks = argv[2];
  run(argv[1]);
  puts("end");
}
