const char *who(void) { return "strong, preloaded"; }
