/* Floating point to text and back. Every double is a finite decimal number, so
   its digits are written out in full and then rounded: no table of powers, and
   the last digit is right. */
#include "format.h"

#include <stdint.h>
#include <string.h>

enum {
  LIMB_DIGITS = 9,
  LIMB_BASE = 1000000000,
  WHOLE_LIMBS = 36,     /* 2^1024 has 309 digits */
  FRACTION_LIMBS = 122, /* 2^-1074 has 1074 */
  LIMBS = WHOLE_LIMBS + FRACTION_LIMBS,
  DIGITS = LIMBS * LIMB_DIGITS,
  POINT = WHOLE_LIMBS * LIMB_DIGITS, /* index of the first digit of the fraction */
};

static void double_limbs(uint32_t *limbs, int times) {
  while (times > 0) {
    int step = times < 29 ? times : 29;
    uint64_t carry = 0;
    for (int i = WHOLE_LIMBS - 1; i >= 0; i--) {
      carry += (uint64_t)limbs[i] << step;
      limbs[i] = (uint32_t)(carry % LIMB_BASE);
      carry /= LIMB_BASE;
    }
    times -= step;
  }
}

/* Nine halvings at a time: the base is divisible by 2^9, so none loses a digit. */
static void halve_limbs(uint32_t *limbs, int times) {
  while (times > 0) {
    int step = times < 9 ? times : 9;
    uint32_t rest = 0;
    for (int i = 0; i < LIMBS; i++) {
      uint32_t whole = limbs[i] >> step;
      uint32_t next = limbs[i] & ((1u << step) - 1);
      limbs[i] = whole + rest * (uint32_t)(LIMB_BASE >> step);
      rest = next;
    }
    times -= step;
  }
}

/* All digits of a finite, non-negative value; returns the index of the first
   that counts (the one before the point for zero). */
static int write_digits(char *digits, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  int exponent = (int)(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & ((1ull << 52) - 1);
  if (exponent != 0) mantissa |= 1ull << 52;
  int twos = (exponent == 0 ? 1 : exponent) - 1075;

  uint32_t limbs[LIMBS] = {0};
  limbs[WHOLE_LIMBS - 2] = (uint32_t)(mantissa / LIMB_BASE);
  limbs[WHOLE_LIMBS - 1] = (uint32_t)(mantissa % LIMB_BASE);
  if (twos > 0) double_limbs(limbs, twos);
  if (twos < 0) halve_limbs(limbs, -twos);

  for (int i = 0; i < LIMBS; i++) {
    uint32_t rest = limbs[i];
    for (int j = LIMB_DIGITS - 1; j >= 0; j--, rest /= 10)
      digits[i * LIMB_DIGITS + j] = (char)('0' + rest % 10);
  }
  if (mantissa == 0) return POINT - 1;
  int first = 0;
  while (digits[first] == '0') first++;
  return first;
}

/* Rounds half to even so that nothing counts from `end` on; returns the new first digit. */
static int round_digits(char *digits, int first, int end) {
  if (end >= DIGITS) return first;
  if (end < 0) end = 0;
  int is_up = digits[end] > '5';
  if (digits[end] == '5') {
    int i = end + 1;
    while (i < DIGITS && digits[i] == '0') i++;
    is_up = i < DIGITS || (end > 0 && (digits[end - 1] - '0') % 2 == 1);
  }
  memset(digits + end, '0', (size_t)(DIGITS - end));
  if (!is_up) return first;
  int i = end - 1;
  while (digits[i] == '9') digits[i--] = '0';
  digits[i]++;
  return i < first ? i : first;
}

struct text {
  char bytes[DIGITS + 16];
  int size;
};

static void add(struct text *text, char c) {
  if (text->size < (int)sizeof text->bytes) text->bytes[text->size++] = c;
}

static char digit_at(const char *digits, int index) { return index < DIGITS ? digits[index] : '0'; }

static void add_fraction(struct text *text, const char *digits, int from, int count, int has_point) {
  if (count > 0 || has_point) add(text, '.');
  for (int i = 0; i < count; i++) add(text, digit_at(digits, from + i));
}

static void add_exponent(struct text *text, int exponent, char letter) {
  add(text, letter);
  add(text, exponent < 0 ? '-' : '+');
  if (exponent < 0) exponent = -exponent;
  if (exponent >= 100) add(text, (char)('0' + exponent / 100));
  add(text, (char)('0' + exponent / 10 % 10));
  add(text, (char)('0' + exponent % 10));
}

void format_double(struct sink *sink, const struct conversion *conversion, char letter,
                   double value) {
  int is_upper = letter < 'a';
  char style = is_upper ? (char)(letter - 'A' + 'a') : letter;
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const char *sign = bits >> 63              ? "-"
                     : conversion->has_plus  ? "+"
                     : conversion->has_space ? " "
                                             : "";
  bits &= ~(1ull << 63);
  if (bits >> 52 == 0x7ff) {
    struct conversion padded = *conversion;
    padded.has_zeros = 0;
    int is_nan = (bits & ((1ull << 52) - 1)) != 0;
    format_padded(sink, &padded, sign, 0, is_nan ? is_upper ? "NAN" : "nan" : is_upper ? "INF" : "inf", 3);
    return;
  }
  memcpy(&value, &bits, sizeof bits);

  int precision = conversion->precision < 0 ? 6 : conversion->precision;
  if (precision > 1100) precision = 1100;
  char digits[DIGITS];
  int first = write_digits(digits, value);
  int is_short = style == 'g' && !conversion->is_alternate;
  if (style == 'g') {
    if (precision == 0) precision = 1;
    first = round_digits(digits, first, first + precision);
    int exponent = POINT - 1 - first;
    style = exponent < precision && exponent >= -4 ? 'f' : 'e';
    precision -= style == 'f' ? exponent + 1 : 1;
  } else {
    first = round_digits(digits, first, (style == 'f' ? POINT : first + 1) + precision);
  }

  struct text text = {.size = 0};
  int whole = style == 'e' ? first : first < POINT ? first : POINT - 1;
  int fraction = style == 'e' ? first + 1 : POINT;
  if (is_short)
    while (precision > 0 && digit_at(digits, fraction + precision - 1) == '0') precision--;
  for (int i = whole; i < fraction; i++) add(&text, digits[i]);
  add_fraction(&text, digits, fraction, precision, conversion->is_alternate);
  if (style == 'e') add_exponent(&text, POINT - 1 - first, is_upper ? 'E' : 'e');
  format_padded(sink, conversion, sign, 0, text.bytes, text.size);
}
