const char *color(void) { return "green"; }
int shade = 3;
