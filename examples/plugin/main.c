//! Opens plugins by path or by name, calls them and closes them again.
//!
//! runpath: $ORIGIN/../libc
//!
//! run: --dir plugins::/plugins main.wasm /plugins/upper.so /plugins/reverse.so
//! stdout:   (plugin says: upper is there)
//! stdout: upper: DYNAMIC LINKING
//! stdout:   (plugin says: upper is gone)
//! stdout: reverse: GNIKNIL CIMANYD
//!
//! run: --dir plugins::/plugins -L plugins main.wasm reverse.so /plugins/missing.so
//! stdout: reverse: gniknil cimanyd
//! stdout: cannot open: /plugins/missing.so: cannot open shared object file: No such file or directory
//! exit: 1
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "plugin.h"

void host_log(const char *message) { printf("  (plugin says: %s)\n", message); }

static int run_plugin(const char *path, char *text) {
  void *plugin = dlopen(path, RTLD_NOW);
  if (plugin == NULL) {
    printf("cannot open: %s\n", dlerror());
    return 1;
  }
  void (*apply)(char *) = dlsym(plugin, "plugin_apply");
  const char *name = dlsym(plugin, "plugin_name");
  if (apply == NULL || name == NULL) {
    printf("not a plugin: %s\n", dlerror());
    dlclose(plugin);
    return 1;
  }
  apply(text);
  printf("%s: %s\n", name, text);
  dlclose(plugin);
  return 0;
}

int main(int argc, char **argv) {
  char text[] = "dynamic linking";
  int status = 0;
  for (int i = 1; i < argc; i++) status |= run_plugin(argv[i], text);
  return status;
}
