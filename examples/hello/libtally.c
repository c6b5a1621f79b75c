//! needed: libwords
//! runpath: $ORIGIN
//! runpath: $ORIGIN/../libc
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

struct entry {
  char *word;
  int count;
};

struct tally {
  struct entry *entries;
  int len;
};

struct tally *tally_new(void) { return calloc(1, sizeof(struct tally)); }

void tally_free(struct tally *tally) {
  for (int i = 0; i < tally->len; i++) free(tally->entries[i].word);
  free(tally->entries);
  free(tally);
}

static void add_word(const char *word, void *context) {
  struct tally *tally = context;
  for (int i = 0; i < tally->len; i++) {
    if (strcmp(tally->entries[i].word, word) == 0) {
      tally->entries[i].count++;
      return;
    }
  }
  tally->entries = realloc(tally->entries, (tally->len + 1) * sizeof *tally->entries);
  tally->entries[tally->len++] = (struct entry){strdup(word), 1};
}

void tally_text(struct tally *tally, const char *text) { words_each(text, add_word, tally); }

/* The most frequent first, then by the alphabet. */
static int compare_entries(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  return x->count != y->count ? y->count - x->count : strcmp(x->word, y->word);
}

void tally_print(struct tally *tally, int count) {
  qsort(tally->entries, tally->len, sizeof *tally->entries, compare_entries);
  for (int i = 0; i < tally->len && i < count; i++) {
    const struct entry *entry = &tally->entries[i];
    printf("  %-8s %2d  %s\n", entry->word, entry->count, bar_of(entry->count));
  }
}
