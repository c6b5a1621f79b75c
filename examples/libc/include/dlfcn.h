/* The dynamic linker, asked at run time. It defines these functions itself:
   the C library has none of them. */
#ifndef MINI_DLFCN_H
#define MINI_DLFCN_H

#include <sys/cdefs.h>

#define RTLD_LAZY 1
#define RTLD_NOW 2
#define RTLD_NOLOAD 4
#define RTLD_LOCAL 8
#define RTLD_GLOBAL 256
#define RTLD_NODELETE 4096
#define RTLD_DEFAULT ((void *)0)
#define RTLD_NEXT ((void *)-1)

/* What dladdr tells. */
#define DYNVM_HAS_DL_INFO 1
typedef struct {
  const char *dli_fname;
  void *dli_fbase;
  const char *dli_sname;
  void *dli_saddr;
} Dl_info;

MINI_BEGIN
void *dlopen(const char *path, int flags);
void *dlsym(void *__restrict handle, const char *__restrict name);
int dlclose(void *handle);
char *dlerror(void);
int dladdr(const void *__restrict address, Dl_info *__restrict info);
MINI_END

#endif
