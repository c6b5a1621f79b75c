/* Classes of ASCII characters. */
#ifndef MINI_CTYPE_H
#define MINI_CTYPE_H

#include <sys/cdefs.h>

MINI_BEGIN
int isalnum(int c);
int isalpha(int c);
int isblank(int c);
int iscntrl(int c);
int isdigit(int c);
int isgraph(int c);
int islower(int c);
int isprint(int c);
int ispunct(int c);
int isspace(int c);
int isupper(int c);
int isxdigit(int c);
int tolower(int c);
int toupper(int c);
MINI_END

#endif
