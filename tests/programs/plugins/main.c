//! dlopen, dlsym, dlclose, dlerror. Each argument is something to do.
//!
//! run: --dir .::/p main.wasm open:/p/liba.so call:answer close call:answer
//! stdout:   host: liba is constructed
//! stdout: opened /p/liba.so
//! stdout: answer() = 42
//! stdout:   host: liba is destructed
//! stdout: close: 0
//! stdout: call: main.wasm: undefined symbol: answer
//!
//! run: -L . --dir .::/p main.wasm open:liba.so open:/p/liba.so same close call:answer close
//! stdout:   host: liba is constructed
//! stdout: opened liba.so
//! stdout: opened /p/liba.so
//! stdout: same handle: 1
//! stdout: close: 0
//! stdout: answer() = 42
//! stdout:   host: liba is destructed
//! stdout: close: 0
//!
//! run: --dir .::/p main.wasm open:/p/liba.so call:nonsense data:value data:nothing error
//! stdout:   host: liba is constructed
//! stdout: opened /p/liba.so
//! stdout: call: /p/liba.so: undefined symbol: nonsense
//! stdout: value = 10
//! stdout: data: /p/liba.so: undefined symbol: nothing
//! stdout: dlerror again: empty
//! stdout:   host: liba is destructed
//!
//! run: --dir .::/p main.wasm open:/p/missing.so error
//! stdout: open: /p/missing.so: cannot open shared object file: No such file or directory
//! stdout: dlerror again: empty
//!
//! run: main.wasm open:/p/liba.so open:liba.so
//! stdout: open: /p/liba.so: cannot open shared object file: No such file or directory
//! stdout:   no granted directory holds it
//! stdout:   host: liba is constructed
//! stdout: opened liba.so
//! stdout:   host: liba is destructed
//!
//! run: --dir .::/p main.wasm open:/p/liba.so close open:/p/liba.so call:answer close
//! stdout:   host: liba is constructed
//! stdout: opened /p/liba.so
//! stdout:   host: liba is destructed
//! stdout: close: 0
//! stdout:   host: liba is constructed
//! stdout: opened /p/liba.so
//! stdout: answer() = 42
//! stdout:   host: liba is destructed
//! stdout: close: 0
//!
//! run: --dir .::/p main.wasm open:/p/libneeds.so call:through close
//! stdout:   host: liba is constructed
//! stdout: opened /p/libneeds.so
//! stdout: through() = 52
//! stdout:   host: liba is destructed
//! stdout: close: 0
//!
//! run: --dir .::/p main.wasm open:/p/libbroken.so open:/p/liba.so call:answer
//! stdout: open: /p/libbroken.so: undefined symbol: nobody_has_this
//! stdout: 3 undefined symbols
//! stdout:   `nobody_has_this` (needed by libbroken.so)
//! stdout:   `nor_that` (needed by libbroken.so)
//! stdout:   `no_such_data` (needed by libbroken.so)
//! stdout:   host: liba is constructed
//! stdout: opened /p/liba.so
//! stdout: answer() = 42
//! stdout:   host: liba is destructed
//!
//! run: --dir .::/p main.wasm open:/p/main.c
//! stdout: open: cannot load `/p/main.c`: not a WebAssembly module
//!
//! run: --dir .::/p main.wasm self call:in_main
//! stdout: opened the program itself
//! stdout: in_main() = 42
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void *handles[8];
static int len;

int in_main(void) { return 6 * 7; }
/* Used by libbroken's sibling: the plugin calls back. */
void host_print(const char *text) { printf("  host: %s\n", text); }

static void open(const char *path) {
  void *handle = dlopen(path, RTLD_NOW);
  if (handle == NULL) {
    printf("open: %s\n", dlerror());
    return;
  }
  handles[len++] = handle;
  printf("opened %s\n", path == NULL ? "the program itself" : path);
}

static void call(const char *name) {
  void *from = len == 0 ? RTLD_DEFAULT : handles[len - 1];
  int (*function)(void) = (int (*)(void))dlsym(from, name);
  if (function == NULL) {
    printf("call: %s\n", dlerror());
  } else {
    printf("%s() = %d\n", name, function());
  }
}

static void data(const char *name) {
  int *value = dlsym(handles[len - 1], name);
  if (value == NULL) {
    printf("data: %s\n", dlerror());
  } else {
    printf("%s = %d\n", name, (*value)++);
  }
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *what = argv[i], *colon = strchr(what, ':');
    const char *value = colon == NULL ? NULL : colon + 1;
    if (strncmp(what, "open:", 5) == 0) open(value);
    if (strncmp(what, "call:", 5) == 0) call(value);
    if (strncmp(what, "data:", 5) == 0) data(value);
    if (strcmp(what, "self") == 0) open(NULL);
    if (strcmp(what, "close") == 0) printf("close: %d\n", dlclose(handles[--len]));
    if (strcmp(what, "same") == 0) printf("same handle: %d\n", handles[0] == handles[1]);
    if (strcmp(what, "error") == 0) printf("dlerror again: %s\n", dlerror() ? "set" : "empty");
  }
  return 0;
}
