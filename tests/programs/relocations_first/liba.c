//! needed: libb
static const char *a_name(void) { return "liba"; }
const char *(*const from_a[])(void) = {a_name};
