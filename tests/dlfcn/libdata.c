//! Data, const data, and a pointer to a function.
int number = 42;
const char text[] = "text";
static int twice(int value) { return 2 * value; }
int (*function_pointer)(int) = twice;
int *address_of_number(void) { return &number; }
