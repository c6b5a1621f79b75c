// The kernels in node: `node kernels.mjs FILE EXPORT ARG REPS` prints seconds and checksum of each call.
import { readFileSync } from "node:fs";

const [file, name, arg, reps] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(file));
const { exports } = new WebAssembly.Instance(module, {});
for (let rep = 0; rep < Number(reps); rep++) {
  const started = performance.now();
  const result = exports[name](Number(arg));
  console.log(`${((performance.now() - started) / 1000).toFixed(6)} ${result}`);
}
