// V8's optimizing compiler on a module: `node FLAGS compile.mjs FILE` prints seconds and bytes of wasm.
// With --no-liftoff and --no-wasm-lazy-compilation, all of it is compiled when the module is made.
import { readFileSync } from "node:fs";

const bytes = readFileSync(process.argv[2]);
const started = performance.now();
new WebAssembly.Module(bytes);
console.log(`${((performance.now() - started) / 1000).toFixed(6)} ${bytes.length}`);
