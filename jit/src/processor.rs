//! The processor that this runs on, and how Cranelift makes code for it.

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};

use crate::compiler::{OptLevel, Settings};

/// Binary logarithm of the size of the guard at a stack's end: larger frames touch each such
/// stretch of the stack in order.
const STACK_GUARD_LOG2: &str = "16";

/// What makes code for this processor.
///
/// # Panics
/// On a processor without SSE2, which no x86-64 is.
pub(crate) fn isa(settings: &Settings) -> OwnedTargetIsa {
    let isa = cranelift_native::builder().expect("the processor is an x86-64");
    let flags = flags(settings).expect("Cranelift has these settings");
    isa.finish(settings::Flags::new(flags)).expect("Cranelift takes these settings together")
}

fn flags(settings: &Settings) -> settings::SetResult<settings::Builder> {
    let mut flags = settings::builder();
    let (opt_level, allocator) = match settings.opt_level {
        OptLevel::None => ("none", "single_pass"),
        OptLevel::Speed => ("speed", "backtracking"),
    };
    flags.set("opt_level", opt_level)?;
    flags.set("regalloc_algorithm", allocator)?;
    flags.set("enable_verifier", if settings.is_verified { "true" } else { "false" })?;
    if settings.is_nan_canonical {
        flags.enable("enable_nan_canonicalization")?;
    }
    // The context register belongs to the process, not to any function.
    flags.enable("enable_pinned_reg")?;
    // Backtraces follow frame pointers.
    flags.enable("preserve_frame_pointers")?;
    flags.set("unwind_info", "false")?;
    // Where loops are: see `skew`.
    flags.enable("machine_code_cfg_info")?;
    flags.enable("enable_probestack")?;
    flags.set("probestack_strategy", "inline")?;
    flags.set("probestack_size_log2", STACK_GUARD_LOG2)?;
    // More results than there are registers for come back in memory of the caller's.
    flags.enable("enable_multi_ret_implicit_sret")?;
    Ok(flags)
}

/// Every feature that Cranelift asks the processor for, and whether it has it: what code that was
/// kept needs to find again.
pub(crate) fn features() -> [(&'static str, bool); 21] {
    macro_rules! detected {
        ($($flag:literal $name:tt),*) => { [$(($flag, is_x86_feature_detected!($name))),*] };
    }
    detected![
        "has_cmpxchg16b" "cmpxchg16b",
        "has_sse3" "sse3",
        "has_ssse3" "ssse3",
        "has_sse41" "sse4.1",
        "has_sse42" "sse4.2",
        "has_popcnt" "popcnt",
        "has_avx" "avx",
        "has_avx2" "avx2",
        "has_fma" "fma",
        "has_avx_vnni" "avxvnni",
        "has_avx512vnni" "avx512vnni",
        "has_bmi1" "bmi1",
        "has_bmi2" "bmi2",
        "has_avx512bitalg" "avx512bitalg",
        "has_avx512dq" "avx512dq",
        "has_avx512f" "avx512f",
        "has_avx512vl" "avx512vl",
        "has_avx512vbmi" "avx512vbmi",
        "has_lzcnt" "lzcnt",
        "has_movbe" "movbe",
        "has_adx" "adx"
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flag that Cranelift came to know would make code that another processor does not run, and
    /// the cache would not see it.
    #[test]
    fn features_are_all_that_cranelift_knows() {
        let isa = isa(&Settings::default());
        let flags = isa.isa_flags();
        let known: Vec<_> = flags.iter().filter(|flag| flag.name.starts_with("has_")).collect();
        for flag in &known {
            let ours = features().into_iter().find(|(name, _)| *name == flag.name);
            assert_eq!(ours.map(|(_, has)| has), flag.as_bool(), "{}", flag.name);
        }
        assert!(known.len() > 10, "Cranelift knows {}", known.len());
    }
}
