// Runs a WASI program in node: FILE [ARGS]…, with ./root as /r and ./tmp as /tmp.
import fs from 'node:fs';
import { WASI } from 'node:wasi';
const wasi = new WASI({ version: 'preview1', args: process.argv.slice(2), preopens: { '/r': 'root', '/tmp': 'tmp' } });
const module = await WebAssembly.compile(fs.readFileSync(process.argv[2]));
wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
