__attribute__((weak)) const char *who(void) { return "weak in libb"; }
const char *who_says_b(void) { return who(); }
