#include <setjmp.h>

// libjump: jumps out of calls nested so deep.
_Noreturn void jump_out(jmp_buf to, int value);
void call_nested(jmp_buf to, int depth, int value);
// libtry: calls `body`, says what came of it.
int attempt(void (*body)(jmp_buf, int), int argument);
