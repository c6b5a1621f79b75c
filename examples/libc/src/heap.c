/* The heap: blocks that know their neighbours, free ones in a list per power of
   two. A freed block is joined with free neighbours at once. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

enum { ALIGNMENT = 16, CLASSES = 32 };

/* In front of each block's bytes. A region ends with a block of size 0 in use. */
struct block {
  size_t size_and_use; /* bytes with this header, a multiple of ALIGNMENT; bit 0: in use */
  struct block *before; /* the neighbour at the lower address, or NULL */
};

/* A free block's bytes hold its place in the list of its class. */
struct free_block {
  struct block block;
  struct free_block *next, **link;
};

#define HEADER sizeof(struct block)
#define BLOCK_MIN ((sizeof(struct free_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

static struct free_block *classes[CLASSES];
static char *region_end; /* of the region that may still grow; NULL before the first */

static size_t size_of(const struct block *block) { return block->size_and_use & ~(size_t)1; }
static int in_use(const struct block *block) { return block->size_and_use & 1; }
static void *bytes_of(struct block *block) { return (char *)block + HEADER; }
static struct block *block_of(void *bytes) { return (struct block *)((char *)bytes - HEADER); }

static struct block *after(const struct block *block) {
  return (struct block *)((char *)block + size_of(block));
}

static int class_of(size_t size) {
  int class = (int)(sizeof(long) * 8) - 1 - __builtin_clzl(size);
  return class < CLASSES ? class : CLASSES - 1;
}

static void list_free(struct block *block) {
  struct free_block *free_block = (struct free_block *)block;
  struct free_block **head = &classes[class_of(size_of(block))];
  free_block->next = *head;
  free_block->link = head;
  if (*head != NULL) (*head)->link = &free_block->next;
  *head = free_block;
}

static void unlist_free(struct block *block) {
  struct free_block *free_block = (struct free_block *)block;
  *free_block->link = free_block->next;
  if (free_block->next != NULL) free_block->next->link = free_block->link;
}

/* Makes `block` free, joined with its free neighbours. */
static void release(struct block *block) {
  size_t size = size_of(block);
  struct block *next = after(block);
  if (!in_use(next)) {
    unlist_free(next);
    size += size_of(next);
  }
  if (block->before != NULL && !in_use(block->before)) {
    block = block->before;
    unlist_free(block);
    size += size_of(block);
  }
  block->size_and_use = size;
  after(block)->before = block;
  list_free(block);
}

/* Gives back what `block`, in use, has beyond `size`. */
static void trim(struct block *block, size_t size) {
  size_t rest = size_of(block) - size;
  if (rest < BLOCK_MIN) return;
  block->size_and_use = size | 1;
  struct block *tail = after(block);
  tail->size_and_use = rest | 1;
  tail->before = block;
  after(tail)->before = tail;
  release(tail);
}

/* Makes one free block of the new memory at `start..end`. */
static void add_region(char *start, char *end) {
  struct block *block;
  if (start == region_end) {
    block = (struct block *)(region_end - HEADER); /* the block that ended the region */
  } else {
    uintptr_t first = ((uintptr_t)start + HEADER + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    block = block_of((void *)first);
    block->before = NULL;
  }
  char *last = end - HEADER;
  size_t size = (size_t)(last - (char *)block) / ALIGNMENT * ALIGNMENT;
  block->size_and_use = size | 1;
  struct block *sentinel = after(block);
  sentinel->size_and_use = 1;
  sentinel->before = block;
  region_end = (char *)sentinel + HEADER == end ? end : NULL;
  release(block);
}

static int grow(size_t size) {
  static int has_first;
  if (!has_first) {
    has_first = 1;
    char *start, *end;
    pages_first(&start, &end);
    if ((size_t)(end - start) >= BLOCK_MIN + 4 * ALIGNMENT) {
      add_region(start, end);
      return 1;
    }
  }
  size_t pages = (size + 4 * ALIGNMENT + PAGE_SIZE_BYTES - 1) / PAGE_SIZE_BYTES;
  char *start = pages_grow(pages);
  if (start == NULL) return 0;
  add_region(start, start + pages * PAGE_SIZE_BYTES);
  return 1;
}

static struct block *find_free(size_t size) {
  for (int class = class_of(size); class < CLASSES; class++)
    for (struct free_block *at = classes[class]; at != NULL; at = at->next)
      if (size_of(&at->block) >= size) return &at->block;
  return NULL;
}

void *malloc(size_t size) {
  if (size > SIZE_MAX / 2) return errno = ENOMEM, NULL;
  size_t needed = (size + HEADER + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (needed < BLOCK_MIN) needed = BLOCK_MIN;
  struct block *block;
  while ((block = find_free(needed)) == NULL)
    if (!grow(needed)) return errno = ENOMEM, NULL;
  unlist_free(block);
  block->size_and_use |= 1;
  trim(block, needed);
  return bytes_of(block);
}

void free(void *bytes) {
  if (bytes != NULL) release(block_of(bytes));
}

void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return errno = ENOMEM, NULL;
  void *bytes = malloc(total);
  return bytes == NULL ? NULL : memset(bytes, 0, total);
}

void *realloc(void *old, size_t size) {
  if (old == NULL) return malloc(size);
  if (size > SIZE_MAX / 2) return errno = ENOMEM, NULL;
  struct block *block = block_of(old);
  size_t needed = (size + HEADER + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (needed < BLOCK_MIN) needed = BLOCK_MIN;
  struct block *next = after(block);
  if (size_of(block) < needed && !in_use(next) && size_of(block) + size_of(next) >= needed) {
    unlist_free(next);
    block->size_and_use += size_of(next);
    after(block)->before = block;
  }
  if (size_of(block) >= needed) {
    trim(block, needed);
    return old;
  }
  void *bytes = malloc(size);
  if (bytes == NULL) return NULL;
  memcpy(bytes, old, size_of(block) - HEADER);
  free(old);
  return bytes;
}

void *aligned_alloc(size_t alignment, size_t size) {
  if (alignment <= ALIGNMENT) return malloc(size);
  if (size > SIZE_MAX / 2 - alignment) return errno = ENOMEM, NULL;
  char *bytes = malloc(size + alignment + BLOCK_MIN);
  if (bytes == NULL) return NULL;
  uintptr_t at = ((uintptr_t)bytes + alignment - 1) / alignment * alignment;
  size_t skipped = at - (uintptr_t)bytes;
  if (skipped == 0) return bytes;
  while (skipped < BLOCK_MIN) skipped += alignment;
  /* What lies in front becomes a block of its own and is given back. */
  struct block *front = block_of(bytes);
  struct block *block = (struct block *)((char *)front + skipped);
  block->size_and_use = (size_of(front) - skipped) | 1;
  block->before = front;
  after(block)->before = block;
  front->size_and_use = skipped | 1;
  release(front);
  return bytes_of(block);
}
