/* Included again, it follows what NDEBUG says by then. */
#include <sys/cdefs.h>

#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
  ((condition) ? (void)0 : __assert_fail(#condition, __FILE__, __LINE__, __func__))
#endif

MINI_BEGIN
MINI_NORETURN void __assert_fail(const char *condition, const char *file, int line,
                                 const char *function);
MINI_END
