/* Arguments and environment, as the host has them. */
#include "arguments.h"

#include <stdlib.h>
#include <string.h>

#include "wasi.h"

typedef int sizes_get(size_t *count, size_t *size);
typedef int texts_get(char **texts, char *bytes);

static char **read_texts(sizes_get *sizes, texts_get *get, size_t *count) {
  size_t size;
  if (sizes(count, &size) != 0) abort();
  char **texts = malloc((*count + 1) * sizeof *texts);
  char *bytes = malloc(size);
  if (texts == NULL || bytes == NULL || get(texts, bytes) != 0) abort();
  texts[*count] = NULL;
  return texts;
}

void __mini_arguments(int *argc, char ***argv) {
  size_t count;
  *argv = read_texts(wasi_args_sizes_get, wasi_args_get, &count);
  *argc = (int)count;
}

char *getenv(const char *name) {
  static char **variables;
  size_t count;
  if (variables == NULL)
    variables = read_texts(wasi_environ_sizes_get, wasi_environ_get, &count);
  size_t size = strlen(name);
  for (char **at = variables; *at != NULL; at++)
    if (strncmp(*at, name, size) == 0 && (*at)[size] == '=') return *at + size + 1;
  return NULL;
}
