;; The type section ends before its content does.
;;! $ dynvm malformed.wasm
;;! ! dynvm: cannot load `malformed.wasm`: invalid module: unexpected end-of-file (at offset 0xa)
;;! ? 127
;;! $ dynvm nm malformed.wasm
;;! ! dynvm: cannot load `malformed.wasm`: invalid module: unexpected end-of-file (at offset 0xa)
;;! ? 127
(module binary "\00asm\01\00\00\00" "\01\05\02\60")
