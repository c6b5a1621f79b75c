int missing_data = 5;
int missing_in_a(long long value) { return (int)value; }
