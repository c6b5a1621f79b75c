//! Where a library's dependencies are looked for.
//! kind: program
#include "test.h"

int main(void) {
  void *handle = opened("./libwhere.so", RTLD_NOW);
  Dl_serinfo size;
  printf("%d\n", dlinfo(handle, RTLD_DI_SERINFOSIZE, &size));
  Dl_serinfo *info = malloc(size.dls_size);
  dlinfo(handle, RTLD_DI_SERINFOSIZE, info);
  printf("%d %d\n", dlinfo(handle, RTLD_DI_SERINFO, info), info->dls_cnt == size.dls_cnt);
  puts(info->dls_serpath[0].dls_name);
  int has_runpath = 0;
  for (unsigned i = 0; i < info->dls_cnt; i++)
    has_runpath += strcmp(base_name(info->dls_serpath[i].dls_name), "sub") == 0;
  printf("%d\n", has_runpath);
}
