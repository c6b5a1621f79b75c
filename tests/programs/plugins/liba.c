void host_print(const char *text);
int value = 10;
static int calls;

__attribute__((constructor)) static void construct(void) { host_print("liba is constructed"); }
__attribute__((destructor)) static void destruct(void) { host_print("liba is destructed"); }
int answer(void) { return 42 + calls++; }
