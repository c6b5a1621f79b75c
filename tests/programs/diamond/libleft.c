//! needed: libbase
int add(int value);
int left(int value) { return add(value); }
