/* printf into streams and strings. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

/* Gathers a call's text, so that an unbuffered stream gets it in few pieces. */
struct stream_sink {
  struct sink sink;
  FILE *file;
  size_t used;
  char text[256];
};

static void flush_text(struct stream_sink *stream) {
  fwrite(stream->text, 1, stream->used, stream->file);
  stream->used = 0;
}

static void put_to_stream(struct sink *sink, const char *text, size_t size) {
  struct stream_sink *stream = (struct stream_sink *)sink;
  while (size > 0) {
    if (stream->used == sizeof stream->text) flush_text(stream);
    size_t part = sizeof stream->text - stream->used;
    if (part > size) part = size;
    memcpy(stream->text + stream->used, text, part);
    stream->used += part;
    text += part;
    size -= part;
  }
}

int vfprintf(FILE *restrict file, const char *restrict format, va_list args) {
  struct stream_sink stream = {.sink = {.put = put_to_stream}, .file = file};
  int size = format_to(&stream.sink, format, args);
  flush_text(&stream);
  return ferror(file) ? -1 : size;
}

struct string_sink {
  struct sink sink;
  char *to;
  size_t rest; /* bytes left, the final NUL apart */
};

static void put_to_string(struct sink *sink, const char *text, size_t size) {
  struct string_sink *string = (struct string_sink *)sink;
  size_t part = size < string->rest ? size : string->rest;
  memcpy(string->to, text, part);
  string->to += part;
  string->rest -= part;
}

int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list args) {
  char none;
  struct string_sink string = {.sink = {.put = put_to_string},
                               .to = size == 0 ? &none : to,
                               .rest = size == 0 ? 0 : size - 1};
  int total = format_to(&string.sink, format, args);
  *string.to = '\0';
  return total;
}

int vsprintf(char *restrict to, const char *restrict format, va_list args) {
  return vsnprintf(to, INT32_MAX, format, args);
}

int vprintf(const char *restrict format, va_list args) { return vfprintf(stdout, format, args); }

int printf(const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int size = vfprintf(stdout, format, args);
  va_end(args);
  return size;
}

int fprintf(FILE *restrict file, const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int size = vfprintf(file, format, args);
  va_end(args);
  return size;
}

int sprintf(char *restrict to, const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int size = vsprintf(to, format, args);
  va_end(args);
  return size;
}

int snprintf(char *restrict to, size_t size, const char *restrict format, ...) {
  va_list args;
  va_start(args, format);
  int total = vsnprintf(to, size, format, args);
  va_end(args);
  return total;
}
