//! needed: libbase
int add(int value);
int right(int value) { return add(2 * value); }
