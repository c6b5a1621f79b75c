__attribute__((weak)) int hook(int value);
int library_hook(int value) { return hook ? hook(value) : -1; }
