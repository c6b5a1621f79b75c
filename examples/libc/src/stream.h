/* A stream: a descriptor with a buffer, read or written in turn. */
#ifndef MINI_STREAM_H
#define MINI_STREAM_H

#include <stdio.h>

struct mini_file {
  int fd;
  int can_read, can_write, is_line_buffered, is_unbuffered;
  int is_eof, has_error;
  size_t at, filled; /* read: next byte and end of those read; written: 0 and bytes waiting */
  int is_writing;
  FILE *next; /* in the list of open files */
  char *buffer; /* BUFSIZ bytes */
};

#pragma GCC visibility push(hidden)
/* Writes out what every open stream holds back; called when the program ends. */
void streams_flush(void);
#pragma GCC visibility pop

#endif
