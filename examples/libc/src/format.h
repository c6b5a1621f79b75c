/* Formatted output into whatever takes bytes. */
#ifndef MINI_FORMAT_H
#define MINI_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)
/* Where formatted text goes. `put` is set by the owner, `total` by `format_to`. */
struct sink {
  void (*put)(struct sink *sink, const char *text, size_t size);
  size_t total;
};

/* Writes `format` filled in with `args`; returns the bytes that went to the sink. */
int format_to(struct sink *sink, const char *format, va_list args);

/* One conversion of a format string, as read between `%` and its letter. */
struct conversion {
  int is_left, has_plus, has_space, is_alternate, has_zeros;
  int width, precision; /* precision: -1 when absent */
};

/* Text already converted: sign or prefix, zeros to insert, digits. */
void format_padded(struct sink *sink, const struct conversion *conversion, const char *prefix,
                   int zeros, const char *body, int size);

/* %f %e %g and their capitals. */
void format_double(struct sink *sink, const struct conversion *conversion, char letter,
                   double value);
#pragma GCC visibility pop

#endif
