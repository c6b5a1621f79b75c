//! Versions of the standard: which features modules may use.

use std::str::FromStr;

use wasmparser::WasmFeatures;

/// The rules that modules are held to: a version of the standard and proposals on top of it.
///
/// Every version accepts what those before it do. Older ones serve old test scripts, which say of
/// what is younger that it is malformed or invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standard(WasmFeatures);

impl Standard {
    /// WebAssembly 1.0
    pub const V1: Standard = Standard(WasmFeatures::WASM1);
    /// WebAssembly 2.0
    pub const V2: Standard = Standard(WasmFeatures::WASM2);
    /// The newest version with the finished proposals that follow it. It is more than can be
    /// compiled, so that the rest is refused by its name rather than as an unknown byte.
    pub const NEWEST: Standard = Standard(
        WasmFeatures::WASM3
            .union(WasmFeatures::LEGACY_EXCEPTIONS)
            .union(WasmFeatures::WIDE_ARITHMETIC)
            .union(WasmFeatures::THREADS)
            .union(WasmFeatures::CUSTOM_PAGE_SIZES),
    );

    pub(super) fn features(self) -> WasmFeatures {
        self.0
    }
}

impl Default for Standard {
    fn default() -> Self {
        Standard::NEWEST
    }
}

/// A version, and proposals behind `+`: `3`, `2+memory64`, `1+threads`.
impl FromStr for Standard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split('+');
        let mut standard = match words.next() {
            Some("1") => Standard::V1,
            Some("2") => Standard::V2,
            Some("3") => Standard::NEWEST,
            _ => return Err("expected version 1, 2 or 3, as in 2+memory64".to_owned()),
        };
        for word in words {
            let feature = WasmFeatures::from_name(&word.to_uppercase().replace('-', "_"))
                .filter(|feature| Standard::NEWEST.0.contains(*feature))
                .ok_or_else(|| format!("unknown proposal `{word}`"))?;
            standard.0 = standard.0.union(feature);
        }
        Ok(standard)
    }
}

#[cfg(test)]
mod tests {
    use super::Standard;

    #[track_caller]
    fn check(text: &str, expected: Result<Standard, &str>) {
        assert_eq!(text.parse::<Standard>(), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn versions_and_proposals() {
        check("1", Ok(Standard::V1));
        check("2+simd", Ok(Standard::V2));
        check("3", Ok(Standard::NEWEST));
        check("3+multi-memory", Ok(Standard::NEWEST));
        check("", Err("expected version 1, 2 or 3, as in 2+memory64"));
        check("2+nonsense", Err("unknown proposal `nonsense`"));
    }
}
