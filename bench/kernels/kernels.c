// Kernels: small programs that stand for kinds of work. Each takes its size and gives a checksum,
// which every engine and the native build must agree on.
//! output: kernels.wasm
//! kind: program
//! libmini: no
//! cflags: -O3 -fno-pic -msimd128 -ffreestanding
//! link: --no-entry --export-dynamic

typedef unsigned int u32;
typedef unsigned char u8;

#define BYTES (1 << 22)

static union {
  u8 bytes[BYTES];
  u32 words[BYTES / 4];
  int numbers[BYTES / 4];
  double doubles[BYTES / 8];
} memory;

static u32 seed;

static u32 random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

// Stores with a stride, tests of bytes: how many primes are below n * 1024.
double sieve(int n) {
  int limit = n * 1024, count = 0;
  for (int i = 0; i < limit; i++) memory.bytes[i] = 1;
  for (int i = 2; i < limit; i++) {
    if (!memory.bytes[i]) continue;
    count++;
    for (int j = 2 * i; j < limit; j += i) memory.bytes[j] = 0;
  }
  return count;
}

// Floating point in nests of loops: a product of two n × n matrices.
double matmul(int n) {
  double *a = memory.doubles, *b = a + n * n, *c = b + n * n, sum = 0;
  for (int i = 0; i < n * n; i++) a[i] = i % 7, b[i] = i % 5, c[i] = 0;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++) {
      double factor = a[i * n + k];
      for (int j = 0; j < n; j++) c[i * n + j] += factor * b[k * n + j];
    }
  for (int i = 0; i < n * n; i++) sum += c[i];
  return sum;
}

// Floating point with branches that depend on it: points of the Mandelbrot set.
double mandelbrot(int n) {
  int inside = 0;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      double cr = 3.0 * x / n - 2.0, ci = 2.0 * y / n - 1.0, r = 0, i = 0;
      int steps = 0;
      while (steps < 100 && r * r + i * i <= 4.0) {
        double next = r * r - i * i + cr;
        i = 2 * r * i + ci;
        r = next;
        steps++;
      }
      inside += steps == 100;
    }
  return inside;
}

static void sort_range(int *first, int *last) {
  while (first < last) {
    int pivot = first[(last - first) / 2], *low = first, *high = last;
    while (low <= high) {
      while (*low < pivot) low++;
      while (*high > pivot) high--;
      if (low > high) break;
      int held = *low;
      *low++ = *high;
      *high-- = held;
    }
    sort_range(first, high);
    first = low;
  }
}

// Branches nobody can predict, recursion: n * 1024 numbers in order.
double sort(int n) {
  int count = n * 1024;
  double sum = 0;
  seed = 12345;
  for (int i = 0; i < count; i++) memory.numbers[i] = (int)random();
  sort_range(memory.numbers, memory.numbers + count - 1);
  for (int i = 0; i < count; i += 97) sum += memory.numbers[i] * (double)(i % 13);
  return sum;
}

// Lookups in a table, a chain of dependent integers: a checksum of n MiB.
double crc(int n) {
  static u32 table[256];
  u32 value = ~0u;
  for (u32 i = 0; i < 256; i++) {
    u32 entry = i;
    for (int bit = 0; bit < 8; bit++) entry = entry & 1 ? entry >> 1 ^ 0xedb88320u : entry >> 1;
    table[i] = entry;
  }
  for (int i = 0; i < 1 << 20; i++) memory.bytes[i] = (u8)(i * 31 + (i >> 8));
  for (int round = 0; round < n; round++)
    for (int i = 0; i < 1 << 20; i++) value = table[(value ^ memory.bytes[i]) & 255] ^ value >> 8;
  return value;
}

static int add(int value) { return value + 3; }
static int scale(int value) { return value * 5; }
static int mix(int value) { return value ^ value >> 7; }
static int turn(int value) { return (int)((u32)value << 3 | (u32)value >> 29); }
static int (*volatile const steps[])(int) = {add, scale, mix, turn};

// Calls through pointers: n * 1024 virtual calls.
double dispatch(int n) {
  int value = 1;
  seed = 777;
  for (int i = 0; i < n * 1024; i++) value = steps[random() & 3](value);
  return value;
}

static int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

// Calls and returns.
double calls(int n) { return fibonacci(n); }

// Loads that depend on each other, hashing: n * 1024 words counted in an open table.
double words(int n) {
  enum { SLOTS = 1 << 18 };
  u32 *keys = memory.words, *counts = keys + SLOTS, distinct = 0;
  for (int i = 0; i < 2 * SLOTS; i++) keys[i] = 0;
  seed = 99;
  for (int i = 0; i < n * 1024; i++) {
    u32 key = (random() & 0x1ffff) | 1, slot = key * 2654435761u >> 14;
    while (keys[slot] && keys[slot] != key) slot = (slot + 1) & (SLOTS - 1);
    distinct += !keys[slot];
    keys[slot] = key;
    counts[slot]++;
  }
  return distinct;
}
