int counter, constructed;
__attribute__((constructor)) static void construct(void) { constructed++; }
int add(int value) { return counter += value; }
