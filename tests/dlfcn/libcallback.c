//! It calls back.
int apply(int (*callback)(int), int value) { return callback(value) + 1; }
