//! The error names the library as it was opened.
//! kind: program
#include "test.h"

int main(void) {
  dlopen("./libundefined.so", RTLD_NOW);
  char *text = dlerror();
  text[strcspn(text, "\n")] = '\0';
  puts(text);
  void *handle = dlopen("./sub/../liba.so", RTLD_NOW);
  dlsym(handle, "nowhere");
  puts(dlerror());
  dlopen("./nowhere/x.so", RTLD_NOW);
  text = dlerror();
  text[strcspn(text, "\n")] = '\0';
  puts(text);
}
