/* Text to numbers. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static int digit_value(char c) {
  if (isdigit(c)) return c - '0';
  if (isalpha(c)) return tolower(c) - 'a' + 10;
  return INT_MAX;
}

/* The size of the number, its sign apart; stays at `max` with ERANGE beyond it. */
static unsigned long long read_integer(const char *text, char **end, int base, int *is_negative,
                                       unsigned long long max) {
  const char *at = text;
  while (isspace(*at)) at++;
  *is_negative = *at == '-';
  if (*at == '-' || *at == '+') at++;
  int has_prefix = at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && digit_value(at[2]) < 16;
  if ((base == 0 || base == 16) && has_prefix) {
    at += 2;
    base = 16;
  } else if (base == 0) {
    base = *at == '0' ? 8 : 10;
  }
  unsigned long long value = 0;
  int is_too_large = 0;
  const char *first = at;
  for (; digit_value(*at) < base; at++) {
    unsigned long long digit = (unsigned long long)digit_value(*at);
    if (value > (max - digit) / (unsigned)base) is_too_large = 1;
    value = value * (unsigned)base + digit;
  }
  if (end != NULL) *end = (char *)(at == first ? text : at);
  if (!is_too_large) return value;
  errno = ERANGE;
  return max;
}

unsigned long long strtoull(const char *text, char **end, int base) {
  int is_negative;
  unsigned long long value = read_integer(text, end, base, &is_negative, ULLONG_MAX);
  return is_negative && value != ULLONG_MAX ? -value : value;
}

static long long read_signed(const char *text, char **end, int base, unsigned long long max) {
  const char *at = text;
  while (isspace(*at)) at++;
  int is_negative;
  unsigned long long value =
      read_integer(text, end, base, &is_negative, max + (unsigned long long)(*at == '-'));
  return (long long)(is_negative ? -value : value);
}

long long strtoll(const char *text, char **end, int base) {
  return read_signed(text, end, base, LLONG_MAX);
}

long strtol(const char *text, char **end, int base) {
  return (long)read_signed(text, end, base, LONG_MAX);
}

unsigned long strtoul(const char *text, char **end, int base) {
  int is_negative;
  unsigned long value = (unsigned long)read_integer(text, end, base, &is_negative, ULONG_MAX);
  return is_negative && value != ULONG_MAX ? -value : value;
}

int atoi(const char *text) { return (int)strtol(text, NULL, 10); }
long atol(const char *text) { return strtol(text, NULL, 10); }
long long atoll(const char *text) { return strtoll(text, NULL, 10); }

/* Right to the last digit up to 15 digits and powers to 10^22, and within a
   few units of the last place beyond: enough for reading a configuration. */
double strtod(const char *text, char **end) {
  const char *at = text;
  while (isspace(*at)) at++;
  int is_negative = *at == '-';
  if (*at == '-' || *at == '+') at++;
  double value = 0;
  int tens = 0, digits = 0;
  for (; isdigit(*at); at++, digits++) value = value * 10 + (*at - '0');
  if (*at == '.')
    for (at++; isdigit(*at); at++, digits++, tens--) value = value * 10 + (*at - '0');
  if (end != NULL) *end = (char *)(digits == 0 ? text : at);
  if (digits == 0) return 0;
  if (*at == 'e' || *at == 'E') {
    char *exponent_end;
    long exponent = strtol(at + 1, &exponent_end, 10);
    if (exponent_end != at + 1 && !isspace(at[1])) {
      tens += exponent > 4000 ? 4000 : exponent < -4000 ? -4000 : (int)exponent;
      if (end != NULL) *end = exponent_end;
    }
  }
  double power = 1, base = 10;
  for (int rest = tens < 0 ? -tens : tens; rest != 0; rest >>= 1, base *= base)
    if (rest & 1) power *= base;
  value = tens < 0 ? value / power : value * power;
  return is_negative ? -value : value;
}

double atof(const char *text) { return strtod(text, NULL); }

int abs(int value) { return value < 0 ? -value : value; }
long labs(long value) { return value < 0 ? -value : value; }

static unsigned long long random_state = 1;

void srand(unsigned seed) { random_state = seed; }

int rand(void) {
  random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
  return (int)(random_state >> 33);
}
