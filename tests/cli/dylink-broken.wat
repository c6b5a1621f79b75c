;; A subsection that says it is longer than the section.
;;! $ dynvm dylink-broken.wasm
;;! $ dynvm ldd dylink-broken.wasm
;;! $ dynvm nm dylink-broken.wasm
(module (@custom "dylink.0" (before first) "\01\7f\00\00"))
