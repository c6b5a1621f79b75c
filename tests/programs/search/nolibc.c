//! kind: program
int main(void) { return 0; }
