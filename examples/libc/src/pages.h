/* Where the heap's memory comes from. */
#ifndef MINI_PAGES_H
#define MINI_PAGES_H

#include <stddef.h>

#define PAGE_SIZE_BYTES ((size_t)65536)

#pragma GCC visibility push(hidden)
/* The bytes between the process's static data and the end of its memory. */
void pages_first(char **start, char **end);
/* So many new pages, or NULL. They follow the ones before only if nobody else
   grew the memory meanwhile: the dynamic linker does, for each dso it opens. */
char *pages_grow(size_t count);
#pragma GCC visibility pop

#endif
