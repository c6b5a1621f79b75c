/* The conversions of printf, but for floating point (see decimal.c). */
#include "format.h"

#include <stdint.h>
#include <string.h>

static void put(struct sink *sink, const char *text, size_t size) {
  sink->put(sink, text, size);
  sink->total += size;
}

static void put_repeated(struct sink *sink, char c, int count) {
  for (; count > 0; count--) put(sink, &c, 1);
}

void format_padded(struct sink *sink, const struct conversion *conversion, const char *prefix,
                   int zeros, const char *body, int size) {
  int prefix_size = (int)strlen(prefix);
  int padding = conversion->width - prefix_size - zeros - size;
  if (!conversion->is_left && !conversion->has_zeros) put_repeated(sink, ' ', padding);
  put(sink, prefix, prefix_size);
  if (!conversion->is_left && conversion->has_zeros) put_repeated(sink, '0', padding);
  put_repeated(sink, '0', zeros);
  put(sink, body, size);
  if (conversion->is_left) put_repeated(sink, ' ', padding);
}

static void format_unsigned(struct sink *sink, const struct conversion *conversion,
                            const char *prefix, unsigned base, int is_upper, uint64_t value) {
  const char *alphabet = is_upper ? "0123456789ABCDEF" : "0123456789abcdef";
  char digits[24];
  int at = sizeof digits;
  for (uint64_t rest = value; rest != 0; rest /= base) digits[--at] = alphabet[rest % base];
  int size = (int)sizeof digits - at;
  struct conversion padded = *conversion;
  if (conversion->precision >= 0) padded.has_zeros = 0;
  int size_min = conversion->precision < 0 ? 1 : conversion->precision;
  if (base == 8 && conversion->is_alternate && size_min <= size) size_min = size + 1;
  int zeros = size_min > size ? size_min - size : 0;
  format_padded(sink, &padded, prefix, zeros, digits + at, size);
}

static void format_signed(struct sink *sink, const struct conversion *conversion, int64_t value) {
  const char *sign = value < 0              ? "-"
                     : conversion->has_plus  ? "+"
                     : conversion->has_space ? " "
                                             : "";
  uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
  format_unsigned(sink, conversion, sign, 10, 0, size);
}

static void format_string(struct sink *sink, const struct conversion *conversion,
                          const char *text) {
  if (text == NULL) text = "(null)";
  size_t size = conversion->precision < 0 ? strlen(text)
                                          : strnlen(text, (size_t)conversion->precision);
  struct conversion padded = *conversion;
  padded.has_zeros = 0;
  format_padded(sink, &padded, "", 0, text, (int)size);
}

static const char *read_flags(const char *at, struct conversion *conversion) {
  for (;; at++) {
    switch (*at) {
      case '-': conversion->is_left = 1; break;
      case '+': conversion->has_plus = 1; break;
      case ' ': conversion->has_space = 1; break;
      case '#': conversion->is_alternate = 1; break;
      case '0': conversion->has_zeros = 1; break;
      default: return at;
    }
  }
}

static const char *read_number(const char *at, int *number) {
  *number = 0;
  for (; *at >= '0' && *at <= '9'; at++) *number = *number * 10 + (*at - '0');
  return at;
}

/* Bytes of an integer argument, from `hh h l ll z t j`. */
static const char *read_length(const char *at, int *bytes) {
  *bytes = sizeof(int);
  if (at[0] == 'h') return at[1] == 'h' ? (*bytes = 1, at + 2) : (*bytes = 2, at + 1);
  if (at[0] == 'l' && at[1] == 'l') return *bytes = 8, at + 2;
  if (at[0] == 'l' || at[0] == 'z' || at[0] == 't') return *bytes = sizeof(long), at + 1;
  if (at[0] == 'j') return *bytes = 8, at + 1;
  return at;
}

static int64_t sign_extended(uint64_t value, int bytes) {
  int shift = 64 - 8 * bytes;
  return (int64_t)(value << shift) >> shift;
}

static uint64_t zero_extended(uint64_t value, int bytes) {
  int shift = 64 - 8 * bytes;
  return value << shift >> shift;
}

int format_to(struct sink *sink, const char *format, va_list args) {
  sink->total = 0;
  for (const char *at = format; *at != '\0';) {
    size_t plain = strcspn(at, "%");
    if (plain > 0) put(sink, at, plain);
    at += plain;
    if (*at == '\0') break;
    const char *start = at++;
    struct conversion conversion = {.precision = -1};
    at = read_flags(at, &conversion);
    if (*at == '*') {
      conversion.width = va_arg(args, int);
      if (conversion.width < 0) conversion.is_left = 1, conversion.width = -conversion.width;
      at++;
    } else {
      at = read_number(at, &conversion.width);
    }
    if (*at == '.') {
      at++;
      if (*at == '*') {
        conversion.precision = va_arg(args, int);
        at++;
      } else {
        at = read_number(at, &conversion.precision);
      }
    }
    int bytes;
    at = read_length(at, &bytes);
    char letter = *at++;
    uint64_t integer = 0;
    if (letter != '\0' && strchr("diuxXo", letter) != NULL)
      integer = bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, uint32_t);
    switch (letter) {
      case 'd':
      case 'i': format_signed(sink, &conversion, sign_extended(integer, bytes)); break;
      case 'u':
        format_unsigned(sink, &conversion, "", 10, 0, zero_extended(integer, bytes));
        break;
      case 'o':
        format_unsigned(sink, &conversion, "", 8, 0, zero_extended(integer, bytes));
        break;
      case 'x':
      case 'X': {
        integer = zero_extended(integer, bytes);
        const char *prefix = !conversion.is_alternate || integer == 0 ? ""
                             : letter == 'x'                          ? "0x"
                                                                      : "0X";
        format_unsigned(sink, &conversion, prefix, 16, letter == 'X', integer);
        break;
      }
      case 'p':
        format_unsigned(sink, &conversion, "0x", 16, 0, (uintptr_t)va_arg(args, void *));
        break;
      case 'c': {
        char c = (char)va_arg(args, int);
        conversion.has_zeros = 0;
        format_padded(sink, &conversion, "", 0, &c, 1);
        break;
      }
      case 's': format_string(sink, &conversion, va_arg(args, const char *)); break;
      case 'f':
      case 'F':
      case 'e':
      case 'E':
      case 'g':
      case 'G': format_double(sink, &conversion, letter, va_arg(args, double)); break;
      case '%': put(sink, "%", 1); break;
      case '\0': at--; /* fall through */
      default: put(sink, start, (size_t)(at - start)); break;
    }
  }
  return (int)sink->total;
}
