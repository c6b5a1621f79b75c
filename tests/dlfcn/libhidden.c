//! A hidden symbol, a static one, and one that uses both.
__attribute__((visibility("hidden"))) int hidden_one(void) { return 1; }
static int static_one(void) { return 1; }
int visible_one(void) { return hidden_one() + static_one(); }
