const char *color(void) { return "blue"; }
int shade = 2;
