//! runpath: $ORIGIN/../libc
#include "words.h"

#include <ctype.h>

enum { WORD_SIZE_MAX = 32 };

int words_seen;

void words_each(const char *text, word_visitor *visit, void *context) {
  char word[WORD_SIZE_MAX];
  while (*text != '\0') {
    int size = 0;
    for (; isalpha(*text); text++)
      if (size < WORD_SIZE_MAX - 1) word[size++] = (char)tolower(*text);
    word[size] = '\0';
    if (size > 0) {
      words_seen++;
      visit(word, context); /* a function of whoever asked */
    }
    while (*text != '\0' && !isalpha(*text)) text++;
  }
}
