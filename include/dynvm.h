/* What dynvm's dynamic linker offers beyond the <dlfcn.h> of most WebAssembly C libraries, under the names and with
   the meaning that glibc gives it. Include it after, or instead of, <dlfcn.h>: what that defines already is left alone.

   An address of a function is its index in the function table. Data of a dso begins at its base address. */
#ifndef DYNVM_H
#define DYNVM_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library prefers its own definitions and those of its dependencies to the global ones. wasi-libc's RTLD_LOCAL has
   the number that RTLD_DEEPBIND has elsewhere: this one is dynvm's own. */
#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0x10000
#endif
#ifndef RTLD_DEFAULT
#define RTLD_DEFAULT ((void *)0)
#endif
#ifndef RTLD_NEXT
#define RTLD_NEXT ((void *)-1)
#endif

#ifndef DYNVM_HAS_DL_INFO
#define DYNVM_HAS_DL_INFO 1
typedef struct {
  const char *dli_fname; /* the file, as it was found */
  void *dli_fbase;       /* where its data begins */
  const char *dli_sname; /* the nearest symbol at or before the address; NULL if there is none */
  void *dli_saddr;       /* its address */
} Dl_info;

/* Not zero if the address belongs to a dso. */
int dladdr(const void *address, Dl_info *info);
#endif

/* A dso, as RTLD_DI_LINKMAP shows it. Handles are not pointers to it. */
struct link_map {
  uintptr_t l_addr; /* where its data begins; 0 for the main program */
  char *l_name;     /* its path as it was found; "" for the main program */
  void *l_ld;       /* NULL: nothing of a wasm module's dynamic section is in memory */
  struct link_map *l_next, *l_prev;
};

enum {
  RTLD_DI_LMID = 1,       /* long *: the namespace, 0 */
  RTLD_DI_LINKMAP = 2,    /* struct link_map ** */
  RTLD_DI_SERINFO = 4,    /* Dl_serinfo *: where a library that it asks for is searched */
  RTLD_DI_SERINFOSIZE = 5, /* Dl_serinfo *: fills dls_size and dls_cnt only */
  RTLD_DI_ORIGIN = 6      /* char *: the directory that it was found in */
};

typedef struct {
  char *dls_name;
  unsigned int dls_flags;
} Dl_serpath;

typedef struct {
  size_t dls_size;
  unsigned int dls_cnt;
  Dl_serpath dls_serpath[1];
} Dl_serinfo;

/* 0, or -1 with the reason in dlerror(). */
int dlinfo(void *handle, int request, void *result);

/* A part of the address space that belongs to a dso. */
struct dl_phdr {
  uint32_t p_type; /* PT_LOAD */
  uint32_t p_offset;
  uintptr_t p_vaddr; /* distance from dlpi_addr */
  uintptr_t p_paddr;
  uint32_t p_filesz;
  uint32_t p_memsz; /* bytes of data, zeroed ones included */
  uint32_t p_flags; /* PF_R | PF_W */
  uint32_t p_align;
};
#define ElfW(type) struct dl_phdr
#ifndef PT_LOAD
#define PT_LOAD 1
#define PF_W 2
#define PF_R 4
#endif

struct dl_phdr_info {
  uintptr_t dlpi_addr;             /* where its data begins */
  const char *dlpi_name;           /* its path; "" for the main program */
  const struct dl_phdr *dlpi_phdr; /* its data: one PT_LOAD */
  uint16_t dlpi_phnum;
  unsigned long long dlpi_adds; /* dsos loaded so far */
  unsigned long long dlpi_subs; /* dsos unloaded so far */
  size_t dlpi_tls_modid;        /* 0: its thread-local data is found by name only */
  void *dlpi_tls_data;
};

/* Calls back for each dso in load order, until one call gives something else than zero: that is the result. */
int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *info, size_t size, void *data), void *data);

#ifdef __cplusplus
}
#endif
#endif
