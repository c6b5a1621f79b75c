;; The type section ends before its content does.
;;! $ dynvm malformed.wasm
;;! $ dynvm nm malformed.wasm
(module binary "\00asm\01\00\00\00" "\01\05\02\60")
