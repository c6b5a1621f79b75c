/* Streams and formatted output. */
#ifndef MINI_STDIO_H
#define MINI_STDIO_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/cdefs.h>

#define EOF (-1)
#define BUFSIZ 1024
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

typedef struct mini_file FILE;

MINI_BEGIN
extern FILE *const stdin;
extern FILE *const stdout;
extern FILE *const stderr;

FILE *fopen(const char *__restrict path, const char *__restrict mode);
int fclose(FILE *file);
int fflush(FILE *file);
size_t fread(void *__restrict to, size_t size, size_t count, FILE *__restrict file);
size_t fwrite(const void *__restrict from, size_t size, size_t count, FILE *__restrict file);
int fseek(FILE *file, long offset, int whence);
long ftell(FILE *file);
void rewind(FILE *file);
int feof(FILE *file);
int ferror(FILE *file);
void clearerr(FILE *file);
int fileno(FILE *file);

int fgetc(FILE *file);
int getc(FILE *file);
int getchar(void);
int ungetc(int c, FILE *file);
char *fgets(char *__restrict to, int size, FILE *__restrict file);
int fputc(int c, FILE *file);
int putc(int c, FILE *file);
int putchar(int c);
int fputs(const char *__restrict text, FILE *__restrict file);
int puts(const char *text);
void perror(const char *what);
int remove(const char *path);

int printf(const char *__restrict format, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE *__restrict file, const char *__restrict format, ...)
    __attribute__((format(printf, 2, 3)));
int sprintf(char *__restrict to, const char *__restrict format, ...)
    __attribute__((format(printf, 2, 3)));
int snprintf(char *__restrict to, size_t size, const char *__restrict format, ...)
    __attribute__((format(printf, 3, 4)));
int vprintf(const char *__restrict format, va_list args);
int vfprintf(FILE *__restrict file, const char *__restrict format, va_list args);
int vsprintf(char *__restrict to, const char *__restrict format, va_list args);
int vsnprintf(char *__restrict to, size_t size, const char *__restrict format, va_list args);
MINI_END

#endif
