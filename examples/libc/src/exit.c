/* The end of the program, and of a dso: destructors run last in, first out. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stream.h"
#include "wasi.h"

struct destructor {
  void (*with_argument)(void *);
  void (*plain)(void); /* what atexit() was given; the other is NULL then */
  void *argument;
  void *dso; /* its __dso_handle; NULL for atexit(), which does not say */
  int is_done;
};

enum { STATIC_LEN = 32 };

static struct destructor first[STATIC_LEN]; /* C guarantees so many without memory */
static struct destructor *destructors = first;
static size_t len, len_max = STATIC_LEN;

static int add(struct destructor destructor) {
  if (len == len_max) {
    struct destructor *longer = malloc(2 * len_max * sizeof *longer);
    if (longer == NULL) return -1;
    for (size_t i = 0; i < len; i++) longer[i] = destructors[i];
    if (destructors != first) free(destructors);
    destructors = longer;
    len_max *= 2;
  }
  destructors[len++] = destructor;
  return 0;
}

int __cxa_atexit(void (*function)(void *), void *argument, void *dso) {
  return add((struct destructor){.with_argument = function, .argument = argument, .dso = dso});
}

int atexit(void (*function)(void)) { return add((struct destructor){.plain = function}); }

/* Runs the destructors of one dso, or of all for NULL. A destructor may add
   others, which then come first. */
void __cxa_finalize(void *dso) {
  for (size_t i = len; i-- > 0;) {
    struct destructor *destructor = &destructors[i];
    if (destructor->is_done || (dso != NULL && destructor->dso != dso)) continue;
    destructor->is_done = 1;
    struct destructor called = *destructor;
    size_t len_before = len;
    if (called.plain != NULL) {
      called.plain();
    } else {
      called.with_argument(called.argument);
    }
    if (len != len_before) i = len;
  }
  while (len > 0 && destructors[len - 1].is_done) len--;
}

void _Exit(int status) { wasi_proc_exit(status); }
void _exit(int status) { wasi_proc_exit(status); }

void exit(int status) {
  __cxa_finalize(NULL);
  streams_flush();
  _Exit(status);
}

void abort(void) { __builtin_trap(); }

void __assert_fail(const char *condition, const char *file, int line, const char *function) {
  fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, function, condition);
  abort();
}
