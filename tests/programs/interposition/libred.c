const char *color(void) { return "red"; }
int shade = 1;
