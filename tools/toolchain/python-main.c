/* The whole program of a `python3`: the interpreter is a shared library. */
int Py_BytesMain(int argc, char **argv);

int main(int argc, char **argv) { return Py_BytesMain(argc, argv); }
