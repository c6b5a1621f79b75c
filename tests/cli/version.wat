;; A component, or a module of another version.
;;! $ dynvm version.wasm
(module binary "\00asm\0d\00\01\00")
