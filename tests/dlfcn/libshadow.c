//! It defines what the program defines too, and lets others interpose.
__attribute__((weak)) int shadowed(void) { return 1; }
int calls_shadowed(void) { return shadowed(); }
