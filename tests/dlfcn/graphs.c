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
/* Whether nothing is opened by `o` now. While dlclose() runs destructors, glibc still finds what it will unload, and
   leaves handles that lead nowhere. `O` opens a library nevertheless that has to do with no other one, unless it is on
   its way out itself. */
static int is_closing;
static int is_leaving[10];

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

static int flags_of(char mode) {
  return mode == 'g'   ? RTLD_NOW | RTLD_GLOBAL
         : mode == 'd' ? RTLD_NOW | RTLD_NODELETE
         : mode == 'l' ? RTLD_NOW | RTLD_NOLOAD
         : mode == 'p' ? RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL
         : mode == 'b' ? RTLD_NOW | RTLD_DEEPBIND
         : mode == 'G' ? RTLD_NOW | RTLD_NODELETE | RTLD_GLOBAL
         : mode == 'L' ? RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE
         : mode == 'B' ? RTLD_NOW | RTLD_DEEPBIND | RTLD_GLOBAL
         : mode == 'P' ? RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE | RTLD_GLOBAL
         : mode == 'z' ? RTLD_LAZY
         : mode == 'Z' ? RTLD_LAZY | RTLD_NOLOAD
         : mode == 'x' ? RTLD_GLOBAL
         : mode == 'y' ? RTLD_NOLOAD
                       : RTLD_NOW;
}

static void open_library(int name, char mode) {
  char file[32];
  snprintf(file, sizeof file, "lib%d.so", name);
  void *handle = opened(file, flags_of(mode));
  if (handle == NULL) return;
  handles[name] = handle;
  counts[name]++;
}

static void show(void *handle, const char *name, int number) {
  char symbol[32];
  snprintf(symbol, sizeof symbol, "%s%d", name, number);
  call(handle, symbol);
}

/* dlopen() without a name, whose handle stays the same. */
static void *own_handle;
static void open_main(char mode) {
  void *handle = dlopen(NULL, flags_of(mode));
  if (handle == NULL) printf("dlopen main: %s\n", error());
  else puts(own_handle == NULL || own_handle == handle ? "main" : "another main");
  if (handle != NULL) own_handle = handle;
}

/* The name of a library of ours; NULL for the program's and the system's. */
static const char *ours(const char *path) {
  const char *name = base_name(path);
  return strncmp(name, "lib", 3) == 0 && name[3] >= '0' && name[3] <= '9' ? name : NULL;
}

static void show_address(void *handle, const char *name, int number) {
  char symbol[32];
  snprintf(symbol, sizeof symbol, "%s%d", name, number);
  Dl_info info;
  void *address = dlsym(handle, symbol);
  if (address == NULL) printf("dlsym %s: %s\n", symbol, error());
  else if (dladdr(address, &info) == 0) printf("%s is nowhere\n", symbol);
  else printf("%s is %s of %s\n", symbol, info.dli_sname, base_name(info.dli_fname));
}

/* What stands in the link map from a library on, and before it. */
static void show_link_map(void *handle) {
  struct link_map *map, *at;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) {
    printf("dlinfo: %s\n", error());
    return;
  }
  for (at = map; at != NULL; at = at->l_next)
    if (ours(at->l_name) != NULL) printf("> %s\n", ours(at->l_name));
  for (at = map->l_prev; at != NULL; at = at->l_prev)
    if (ours(at->l_name) != NULL) printf("< %s\n", ours(at->l_name));
}

static int show_headers(struct dl_phdr_info *info, size_t size, void *data) {
  if (ours(info->dlpi_name) != NULL) printf("* %s\n", ours(info->dlpi_name));
  return 0;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* A command about main: what comes behind it. */
static const char *run_main(char what, const char *at) {
  if (what == '0') open_main(*at++);
  if (what == '2' && own_handle != NULL) show(own_handle, "s", *at - '0');
  if (what == '2') at++;
  if (what == '3' && own_handle != NULL && !is_closing) show_link_map(own_handle);
  if (what == '4' && !is_closing) dl_iterate_phdr(show_headers, NULL);
  if (what == '1' && own_handle != NULL) {
    puts("closing main");
    closed(own_handle);
  }
  return at;
}

/* o1n: open lib1.so; c1: close it; s12: find s2 in it; F1: call f1; X1: call next1; E1: call default1; D2: s2 by
   RTLD_DEFAULT; N1: whether it is loaded; A1: register a handler; O1n: open lib1.so, which stands alone, in destructors too;
   K1: close it once more than it was opened; I12: where s2 is that it finds; J1: where f1 is; M1: the link map from there.
   Of main: 0n: open it; 1: close it; 22: find s2 in it; 3: its link map; 4: dl_iterate_phdr(). */
static void run(const char *at) {
  while (*at != '\0' && *at != ';') {
    char what = *at++;
    if (is_digit(what)) {
      at = run_main(what, at);
      continue;
    }
    int name = *at++ - '0';
    int is_open = counts[name] > 0;
    if (what == 'o' && !is_closing) open_library(name, *at);
    if (what == 'O' && !is_leaving[name]) open_library(name, *at);
    if (what == 'o' || what == 'O') at++;
    if (what == 's' && is_open) show(handles[name], "s", at[0] - '0');
    if (what == 'I' && is_open) show_address(handles[name], "s", at[0] - '0');
    if (what == 's' || what == 'I') at++;
    if (what == 'J' && is_open) show_address(handles[name], "f", name);
    if (what == 'M' && is_open && !is_closing) show_link_map(handles[name]);
    if (what == 'K' && handles[name] != NULL && counts[name] == 0) closed(handles[name]);
    if (what == 'F' && is_open) show(handles[name], "f", name);
    if (what == 'X' && is_open) show(handles[name], "next", name);
    if (what == 'E' && is_open) show(handles[name], "default", name);
    if (what == 'D') show(RTLD_DEFAULT, "s", name);
    if (what == 'A') atexit(name == 0 ? handler_0 : handler_1);
    if (what == 'N' && !is_closing) {
      char file[32];
      snprintf(file, sizeof file, "lib%d.so", name);
      loaded(file);
    }
    if (what == 'c' && is_open) {
      printf("closing %d\n", name);
      is_leaving[name] = --counts[name] == 0;
      is_closing++;
      closed(handles[name]);
      if (--is_closing == 0) memset(is_leaving, 0, sizeof is_leaving);
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
