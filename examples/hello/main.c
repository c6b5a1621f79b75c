//! A program, two libraries of its own and a C library, linked when it starts.
//!
//! needed: libtally libwords
//! runpath: $ORIGIN
//! runpath: $ORIGIN/../libc
//!
//! run: main.wasm
//! stdout: Hello from four modules in one process!
//! stdout: The song has 18 words:
//! stdout:   merrily   4  ####
//! stdout:   row       3  ###
//! stdout:   a         1  #
//! stdout:   boat      1  #
//! stdout: Counted again: 18 words, the longest is "merrily".
#include <stdio.h>
#include <string.h>

#include "tally.h"
#include "words.h"

static const char *const text =
    "Row, row, row your boat, gently down the stream; "
    "merrily, merrily, merrily, merrily, life is but a dream.";

/* libtally calls this by name, although the program needs libtally. */
const char *bar_of(int units) {
  static const char bar[] = "################";
  return bar + sizeof bar - 1 - units;
}

/* libwords calls this through a pointer. */
static void find_longest(const char *word, void *context) {
  char *longest = context;
  if (strlen(word) > strlen(longest)) strcpy(longest, word);
}

int main(void) {
  puts("Hello from four modules in one process!");
  struct tally *tally = tally_new();
  tally_text(tally, text);
  printf("The song has %d words:\n", words_seen);
  tally_print(tally, 4);
  tally_free(tally);

  words_seen = 0; /* the program writes what the library reads */
  char longest[32] = "";
  words_each(text, find_longest, longest);
  printf("Counted again: %d words, the longest is \"%s\".\n", words_seen, longest);
  return 0;
}
