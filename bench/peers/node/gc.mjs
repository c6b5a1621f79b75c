// Times `run` of a module in V8: `node gc.mjs FILE.wasm ARG REPS`. For each repetition a line:
// seconds and the result; then the most bytes that the process had in memory.
import { readFileSync } from "node:fs";

const [file, arg, reps] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(file));
const { run } = (await WebAssembly.instantiate(module)).exports;
for (let rep = 0; rep < Number(reps); rep++) {
  const started = performance.now();
  const result = run(Number(arg));
  console.log(((performance.now() - started) / 1000).toFixed(6), result);
}
console.log("peak", process.resourceUsage().maxRSS * 1024);
