int missing_in_a(long long value);
int missing_function(int value);
extern const char missing_text[];
int a_function(void) { return missing_in_a(missing_text[0]) + missing_function(1); }
