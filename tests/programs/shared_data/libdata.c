#include "data.h"

int number = 41, zeros[1000];
long long big = 1ll << 40;
double real = 2.5;
char text[32] = "from libdata";
struct point points[3] = {{1, 1}, {2, 2}, {3, 3}};

int data_sum(void) { return number + zeros[999]; }
