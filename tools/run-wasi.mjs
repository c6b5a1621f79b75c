// Runs a WASI command in node: [--dir HOST[::GUEST]] [--env K=V] FILE [ARGS]...
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const words = process.argv.slice(2);
const options = { version: 'preview1', env: {}, preopens: {}, returnOnExit: true };
while (words[0]?.startsWith('--')) {
  const [option, value] = words.splice(0, 2);
  if (option === '--dir') {
    const [host, guest] = value.split('::');
    options.preopens[guest ?? host] = host;
  } else if (option === '--env') {
    const [key, rest] = value.split(/=(.*)/s);
    options.env[key] = rest ?? '';
  } else {
    throw new Error(`unknown option ${option}`);
  }
}
options.args = words;
const wasi = new WASI(options);
const module = new WebAssembly.Module(readFileSync(words[0]));
process.exit(wasi.start(new WebAssembly.Instance(module, wasi.getImportObject())));
