//! Constructors run when all data of all modules is relocated, that of main and
//! of modules constructed later included.
//!
//! needed: liba
//!
//! run: main.wasm
//! stdout: libb is constructed: main, liba, text of main
//! stdout: main runs
#include <stdio.h>

static const char *main_name(void) { return "main"; }
const char *(*const from_main[])(void) = {main_name};
const char *const text_of_main = "text of main";

int main(void) { return puts("main runs") == 0 ? 0 : 1; }
