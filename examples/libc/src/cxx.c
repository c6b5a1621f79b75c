/* What C++ without exceptions and RTTI asks of its runtime, under the names
   that the Itanium ABI gives to `operator new` and the rest. */
#include <stdlib.h>

#include <stdio.h>

/* operator new(size_t) */
void *_Znwm(size_t size) {
  void *bytes = malloc(size);
  if (bytes == NULL) abort();
  return bytes;
}

/* operator new[](size_t) */
void *_Znam(size_t size) { return _Znwm(size); }

/* operator delete(void *), delete[](void *), and with the size */
void _ZdlPv(void *bytes) { free(bytes); }
void _ZdaPv(void *bytes) { free(bytes); }
void _ZdlPvm(void *bytes, size_t size) { (void)size, free(bytes); }
void _ZdaPvm(void *bytes, size_t size) { (void)size, free(bytes); }

void __cxa_pure_virtual(void) {
  fputs("pure virtual function called\n", stderr);
  abort();
}

/* A local static is initialized once: the guard's first byte says whether. */
int __cxa_guard_acquire(unsigned long long *guard) { return *(char *)guard == 0; }
void __cxa_guard_release(unsigned long long *guard) { *(char *)guard = 1; }
void __cxa_guard_abort(unsigned long long *guard) { (void)guard; }
