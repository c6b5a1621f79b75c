/* What the programs of this folder share: they are compiled for glibc and for dynvm. */
#ifndef TEST_H
#define TEST_H

#ifdef __wasm__
#include <dynvm.h>
#else
#include <dlfcn.h>
#include <link.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of a path behind its last slash. */
static inline const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* What dlerror() says: its first line, without the directories in front of the file's name, and without the name of
   the program. dynvm's further lines say more than glibc does. */
static inline const char *error(void) {
  static char line[512];
  const char *text = dlerror();
  if (text == NULL) return "no error";
  const char *colon = strchr(text, ':'), *start = text;
  for (const char *at = text; colon != NULL && at < colon; at++)
    if (*at == '/') start = at + 1;
  snprintf(line, sizeof line, "%s", start);
  line[strcspn(line, "\n")] = '\0';
  char *extension = strstr(line, ".wasm:");
  if (extension != NULL) memmove(extension, extension + 5, strlen(extension + 5) + 1);
  return line;
}

/* dlopen() that says how it went. */
static inline void *opened(const char *name, int flags) {
  void *handle = dlopen(name, flags);
  if (handle == NULL) printf("dlopen %s: %s\n", name, error());
  return handle;
}

/* dlclose() that says how it went. */
static inline void closed(void *handle) {
  if (dlclose(handle) != 0) printf("dlclose: %s\n", error());
}

typedef int function(void);

/* Calls the function called `name` and shows its result. */
static inline void call(void *handle, const char *name) {
  function *found = (function *)dlsym(handle, name);
  if (found == NULL) printf("dlsym %s: %s\n", name, error());
  else printf("%s() = %d\n", name, found());
}

/* Whether a library is loaded. */
static inline void loaded(const char *name) {
  void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
  printf("%s is %s\n", base_name(name), handle != NULL ? "loaded" : "not loaded");
  if (handle != NULL) dlclose(handle);
}

#endif
