/* The types every other header needs. */
#ifndef MINI_STDDEF_H
#define MINI_STDDEF_H

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef struct {
  char bytes[16] __attribute__((aligned(16)));
} max_align_t;
#ifndef __cplusplus
typedef __WCHAR_TYPE__ wchar_t;
#define NULL ((void *)0)
#else
#define NULL __null
#endif
#define offsetof(type, member) __builtin_offsetof(type, member)

#endif
