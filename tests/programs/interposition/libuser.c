#include "color.h"

const char *user_color(void) { return color(); }
int user_shade(void) { return shade; }
