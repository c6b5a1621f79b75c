#include <stdlib.h>
#include <string.h>

char *filled(size_t size, char byte) {
  char *block = malloc(size + 1);
  memset(block, byte, size);
  block[size] = '\0';
  return block;
}
