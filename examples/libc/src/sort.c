/* Sorting (heap sort: no recursion, no memory) and searching. */
#include <stdlib.h>
#include <string.h>

static void swap(char *a, char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    char byte = a[i];
    a[i] = b[i];
    b[i] = byte;
  }
}

/* Moves the element at `root` down to where no child among `count` is greater. */
static void sift_down(char *base, size_t root, size_t count, size_t size,
                      int (*compare)(const void *, const void *)) {
  for (size_t child; (child = 2 * root + 1) < count; root = child) {
    char *at = base + child * size;
    if (child + 1 < count && compare(at, at + size) < 0) child++, at += size;
    if (compare(base + root * size, at) >= 0) return;
    swap(base + root * size, at, size);
  }
}

void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *)) {
  for (size_t root = count / 2; root-- > 0;) sift_down(base, root, count, size, compare);
  for (size_t end = count; end-- > 1;) {
    swap(base, (char *)base + end * size, size);
    sift_down(base, 0, end, size, compare);
  }
}

void *bsearch(const void *key, const void *base, size_t count, size_t size,
              int (*compare)(const void *, const void *)) {
  const char *first = base;
  while (count > 0) {
    const char *middle = first + count / 2 * size;
    int order = compare(key, middle);
    if (order == 0) return (void *)middle;
    if (order > 0) {
      first = middle + size;
      count -= count / 2 + 1;
    } else {
      count /= 2;
    }
  }
  return NULL;
}
