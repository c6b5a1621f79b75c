//! A function that is not what the caller takes it for: refused when loaded.
//!
//! run: --preload liba.so main.wasm
//! stderr: dynvm: function `f`: expected type (i32, i32) -> (i32) (needed by main.wasm), found (f64) -> (i64) (defined by liba.so)
//! exit: 127
//!
//! run: main.wasm
//! stderr: dynvm: undefined symbol `f` (needed by main.wasm)
//! exit: 127
int f(int value, const char *text);
int main(void) { return f(1, "text"); }
