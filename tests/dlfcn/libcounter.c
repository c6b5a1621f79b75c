//! Data that a fresh copy starts again with, and zeroed memory.
int count = 5;
static int zeroed[1000];
int next(void) { return count++ + zeroed[999]++; }
