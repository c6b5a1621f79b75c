//! It calls `who` if somebody defines it.
__attribute__((weak)) int who(void);
int weak_who(void) { return who != 0 ? who() : -1; }
