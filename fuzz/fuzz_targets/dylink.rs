//! Any bytes as the content of a linking section.
#![no_main]

use dynvm_loader::dylink::Dylink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Dylink::decode(data);
});
