/* libwords: takes a text apart. */
#ifndef WORDS_H
#define WORDS_H

typedef void word_visitor(const char *word, void *context);

/* How many words were seen so far. Anybody may set it. */
extern int words_seen;

/* Calls `visit` for each word of `text`, in lower case. */
void words_each(const char *text, word_visitor *visit, void *context);

#endif
