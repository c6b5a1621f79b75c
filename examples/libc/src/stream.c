/* Streams. stdout is written out at each newline, so that nothing is lost when
   the program traps. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char in_buffer[BUFSIZ], out_buffer[BUFSIZ], err_buffer[BUFSIZ];
static FILE in = {.fd = 0, .can_read = 1, .buffer = in_buffer};
static FILE out = {
    .fd = 1, .can_write = 1, .is_line_buffered = 1, .next = &in, .buffer = out_buffer};
static FILE err = {
    .fd = 2, .can_write = 1, .is_unbuffered = 1, .next = &out, .buffer = err_buffer};
static FILE *open_files = &err;

FILE *const stdin = &in;
FILE *const stdout = &out;
FILE *const stderr = &err;

static int fail(FILE *file) {
  file->has_error = 1;
  return EOF;
}

static int write_all(FILE *file, const char *from, size_t size) {
  while (size > 0) {
    ssize_t written = write(file->fd, from, size);
    if (written < 0) return fail(file);
    from += written;
    size -= (size_t)written;
  }
  return 0;
}

int fflush(FILE *file) {
  if (file == NULL) {
    streams_flush();
    return 0;
  }
  if (!file->is_writing) return 0;
  size_t filled = file->filled;
  file->filled = 0;
  return write_all(file, file->buffer, filled);
}

void streams_flush(void) {
  for (FILE *file = open_files; file != NULL; file = file->next) fflush(file);
}

/* Gives back what was read ahead, so that the descriptor stands where the stream does. */
static void stop_reading(FILE *file) {
  if (!file->is_writing && file->filled > file->at)
    lseek(file->fd, (off_t)file->at - (off_t)file->filled, SEEK_CUR);
  file->at = file->filled = 0;
}

size_t fwrite(const void *restrict from, size_t size, size_t count, FILE *restrict file) {
  if (!file->can_write) return fail(file), 0;
  if (!file->is_writing) stop_reading(file), file->is_writing = 1;
  size_t total = size * count;
  if (file->filled + total > BUFSIZ && fflush(file) != 0) return 0;
  if (total >= BUFSIZ) return write_all(file, from, total) == 0 ? count : 0;
  memcpy(file->buffer + file->filled, from, total);
  file->filled += total;
  int is_due = file->is_unbuffered ||
               (file->is_line_buffered && memchr(from, '\n', total) != NULL);
  return is_due && fflush(file) != 0 ? 0 : count;
}

/* Reads ahead; EOF at the end or on an error. What the user should have seen
   before being asked is written out first. */
static int refill(FILE *file) {
  if (!file->can_read) return fail(file);
  if (file->is_writing) fflush(file), file->is_writing = 0;
  if (file == &in) fflush(&out);
  file->at = file->filled = 0;
  ssize_t size = read(file->fd, file->buffer, BUFSIZ);
  if (size < 0) return fail(file);
  if (size == 0) return file->is_eof = 1, EOF;
  file->filled = (size_t)size;
  return 0;
}

size_t fread(void *restrict to, size_t size, size_t count, FILE *restrict file) {
  size_t total = size * count, done = 0;
  while (done < total) {
    if ((file->is_writing || file->at == file->filled) && refill(file) != 0) break;
    size_t part = file->filled - file->at;
    if (part > total - done) part = total - done;
    memcpy((char *)to + done, file->buffer + file->at, part);
    file->at += part;
    done += part;
  }
  return size == 0 ? 0 : done / size;
}

int fgetc(FILE *file) {
  unsigned char byte;
  return fread(&byte, 1, 1, file) == 1 ? byte : EOF;
}

int getc(FILE *file) { return fgetc(file); }
int getchar(void) { return fgetc(stdin); }

int ungetc(int c, FILE *file) {
  if (c == EOF || file->is_writing || file->at == 0) return EOF;
  file->buffer[--file->at] = (char)c;
  file->is_eof = 0;
  return c;
}

char *fgets(char *restrict to, int size, FILE *restrict file) {
  int used = 0;
  while (used < size - 1) {
    int c = fgetc(file);
    if (c == EOF) break;
    to[used++] = (char)c;
    if (c == '\n') break;
  }
  if (used == 0) return NULL;
  to[used] = '\0';
  return to;
}

int fputs(const char *restrict text, FILE *restrict file) {
  size_t size = strlen(text);
  return fwrite(text, 1, size, file) == size ? 0 : EOF;
}

int fputc(int c, FILE *file) {
  char byte = (char)c;
  return fwrite(&byte, 1, 1, file) == 1 ? (unsigned char)c : EOF;
}

int putc(int c, FILE *file) { return fputc(c, file); }
int putchar(int c) { return fputc(c, stdout); }
int puts(const char *text) { return fputs(text, stdout) == 0 && putchar('\n') != EOF ? 0 : EOF; }

void perror(const char *what) { fprintf(stderr, "%s: %s\n", what, strerror(errno)); }

/* The flags of open() for "r", "w", "a" and their "+"; -1 for another mode. */
static int flags_of(const char *mode) {
  int is_both = strchr(mode, '+') != NULL;
  switch (mode[0]) {
    case 'r': return is_both ? O_RDWR : O_RDONLY;
    case 'w': return (is_both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC;
    case 'a': return (is_both ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND;
    default: return -1;
  }
}

FILE *fopen(const char *restrict path, const char *restrict mode) {
  int flags = flags_of(mode);
  if (flags < 0) return errno = EINVAL, NULL;
  FILE *file = calloc(1, sizeof *file + BUFSIZ);
  if (file == NULL) return NULL;
  file->buffer = (char *)(file + 1);
  file->fd = open(path, flags);
  if (file->fd < 0) return free(file), NULL;
  file->can_read = (flags & 3) != O_WRONLY;
  file->can_write = (flags & 3) != O_RDONLY;
  file->next = open_files;
  open_files = file;
  return file;
}

int fclose(FILE *file) {
  int result = fflush(file);
  FILE **link = &open_files;
  while (*link != file) link = &(*link)->next;
  *link = file->next;
  if (close(file->fd) != 0) result = EOF;
  if (file != &in && file != &out && file != &err) free(file);
  return result;
}

int fseek(FILE *file, long offset, int whence) {
  if (file->is_writing && fflush(file) != 0) return -1;
  stop_reading(file);
  file->is_writing = file->is_eof = 0;
  return lseek(file->fd, offset, whence) < 0 ? -1 : 0;
}

long ftell(FILE *file) {
  off_t position = lseek(file->fd, 0, SEEK_CUR);
  if (position < 0) return -1;
  return (long)(position + (file->is_writing ? (off_t)file->filled
                                             : (off_t)file->at - (off_t)file->filled));
}

void rewind(FILE *file) {
  fseek(file, 0, SEEK_SET);
  file->has_error = 0;
}

int feof(FILE *file) { return file->is_eof; }
int ferror(FILE *file) { return file->has_error; }
int fileno(FILE *file) { return file->fd; }
void clearerr(FILE *file) { file->is_eof = file->has_error = 0; }
