int hook_data = 7;
int hook(int value) { return 100 + value; }
