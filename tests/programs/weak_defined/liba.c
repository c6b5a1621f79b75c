__attribute__((weak)) const char *who(void) { return "weak in liba"; }
const char *who_says_a(void) { return who(); }
