;;! What is not a module, not a valid one, or asks for the impossible: one message each.
;;!
;;! run: missing.wasm
;;! stderr: dynvm: cannot read `missing.wasm`: no such file
;;! exit: 127
;;!
;;! run: main.wat
;;! stderr: dynvm: cannot load `main.wat`: not a WebAssembly module
;;! exit: 127
;;!
;;! run: .
;;! stderr: dynvm: cannot read `.`: not a regular file
;;! exit: 127
;;!
;;! run: $TMP/late.wasm
;;! stderr: dynvm: cannot load `$TMP/late.wasm`: the `dylink.0` section is not the first section of the module
;;! exit: 127
;;!
;;! run: $TMP/truncated.wasm
;;! stderr: dynvm: cannot load `$TMP/truncated.wasm`: the `dylink.0` section ends inside a subsection
;;! exit: 127
;;!
;;! run: $TMP/invalid.wasm
;;! stderr: dynvm: cannot load `$TMP/invalid.wasm`: invalid module: type mismatch: expected i32, found i64 (at offset 0x31)
;;! exit: 127
;;!
;;! run: $TMP/exceptions.wasm
;;! stderr: dynvm: wasm trap: uncaught exception: tag 0
;;! stderr:   #0 exceptions.wasm!_start+0x3
;;! exit: 134
;;!
;;! run: $TMP/large.wasm
;;! stderr: dynvm: cannot load `large.wasm`: memory of 4303421440 bytes is too large: the limit is 4293918720 bytes
;;! exit: 127
;;!
;;! run: --max-memory 65536 $TMP/main.wasm
;;! stderr: dynvm: cannot load `main.wasm`: memory of 131072 bytes is too large: the limit is 65536 bytes
;;! exit: 127
;;!
;;! run: $TMP/selfneed.wasm
;;! stderr: dynvm: cannot load `$TMP/selfneed.wasm`: expected the name of a needed library, found ``
;;! exit: 127
;;!
;;! run: $TMP/alignment.wasm
;;! stderr: dynvm: cannot load `$TMP/alignment.wasm`: expected an alignment of memory up to 2^31, found 2^40
;;! exit: 127
;;!
;;! run: $TMP/memory64.wasm
(module (memory (export "memory") 2) (func (export "_start")))
