/* Memory and strings. The first three are one instruction each: the compiler
   is told not to take them for calls (-fno-builtin does not reach __builtin). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  return __builtin_memcpy(to, from, size);
}

void *memmove(void *to, const void *from, size_t size) { return __builtin_memmove(to, from, size); }

void *memset(void *to, int byte, size_t size) { return __builtin_memset(to, byte, size); }

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < size; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

void *memchr(const void *bytes, int byte, size_t size) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++)
    if (at[i] == (unsigned char)byte) return (void *)(at + i);
  return NULL;
}

size_t strlen(const char *text) {
  const char *end = text;
  while (*end != '\0') end++;
  return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t max) {
  const char *end = memchr(text, '\0', max);
  return end == NULL ? max : (size_t)(end - text);
}

char *strcpy(char *restrict to, const char *restrict from) {
  return memcpy(to, from, strlen(from) + 1);
}

char *strncpy(char *restrict to, const char *restrict from, size_t size) {
  size_t used = strnlen(from, size);
  memcpy(to, from, used);
  memset(to + used, 0, size - used);
  return to;
}

char *strcat(char *restrict to, const char *restrict from) {
  strcpy(to + strlen(to), from);
  return to;
}

char *strncat(char *restrict to, const char *restrict from, size_t size) {
  size_t used = strnlen(from, size), at = strlen(to);
  memcpy(to + at, from, used);
  to[at + used] = '\0';
  return to;
}

int strcmp(const char *a, const char *b) {
  while (*a == *b && *a != '\0') a++, b++;
  return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size) {
  for (; size > 0; a++, b++, size--)
    if (*a != *b || *a == '\0') return (unsigned char)*a - (unsigned char)*b;
  return 0;
}

char *strchr(const char *text, int byte) {
  for (;; text++) {
    if (*text == (char)byte) return (char *)text;
    if (*text == '\0') return NULL;
  }
}

char *strrchr(const char *text, int byte) {
  for (const char *at = text + strlen(text);; at--) {
    if (*at == (char)byte) return (char *)at;
    if (at == text) return NULL;
  }
}

char *strstr(const char *text, const char *needle) {
  size_t size = strlen(needle);
  for (; strncmp(text, needle, size) != 0; text++)
    if (*text == '\0') return NULL;
  return (char *)text;
}

size_t strspn(const char *text, const char *accept) {
  size_t size = 0;
  while (text[size] != '\0' && strchr(accept, text[size]) != NULL) size++;
  return size;
}

size_t strcspn(const char *text, const char *reject) {
  size_t size = 0;
  while (text[size] != '\0' && strchr(reject, text[size]) == NULL) size++;
  return size;
}

char *strpbrk(const char *text, const char *accept) {
  text += strcspn(text, accept);
  return *text == '\0' ? NULL : (char *)text;
}

char *strtok_r(char *restrict text, const char *restrict separators, char **restrict rest) {
  if (text == NULL) text = *rest;
  text += strspn(text, separators);
  char *end = text + strcspn(text, separators);
  *rest = *end == '\0' ? end : end + 1;
  *end = '\0';
  return end == text ? NULL : text;
}

char *strtok(char *restrict text, const char *restrict separators) {
  static char *rest;
  return strtok_r(text, separators, &rest);
}

char *strndup(const char *text, size_t size) {
  size_t used = strnlen(text, size);
  char *copy = malloc(used + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, text, used);
  copy[used] = '\0';
  return copy;
}

char *strdup(const char *text) { return strndup(text, strlen(text)); }

int errno;

char *strerror(int error) {
  switch (error) {
    case 0: return "no error";
    case EACCES: return "permission denied";
    case EBADF: return "bad file descriptor";
    case EEXIST: return "file exists";
    case EINVAL: return "invalid argument";
    case EIO: return "input/output error";
    case EISDIR: return "is a directory";
    case ENOENT: return "no such file or directory";
    case ENOMEM: return "out of memory";
    case ENOTDIR: return "not a directory";
    case EPERM: return "operation not permitted";
    case ERANGE: return "result out of range";
    case EROFS: return "read-only file system";
    case ESPIPE: return "illegal seek";
    case ENOTCAPABLE: return "not granted";
    default: return "unknown error";
  }
}
