int missing_function(int value) { return value; }
const char missing_text[] = "A";
