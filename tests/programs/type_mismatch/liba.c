long long f(double value) { return (long long)value; }
