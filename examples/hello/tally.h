/* libtally: counts words and prints them as a chart. */
#ifndef TALLY_H
#define TALLY_H

struct tally;

struct tally *tally_new(void);
void tally_free(struct tally *tally);
void tally_text(struct tally *tally, const char *text);
/* Prints the `count` most frequent words. */
void tally_print(struct tally *tally, int count);

/* Not defined here: the program says how a bar of so many units looks. */
const char *bar_of(int units);

#endif
