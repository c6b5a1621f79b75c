//! Who wants to know where machine code lies: profilers.

/// Hears of machine code as it gets its place.
pub trait CodeListener: Send + Sync {
    /// The function `name` (`dso!function`) has its code at `address` from now on. Code that lay
    /// there before is no more.
    fn placed(&self, name: &str, address: usize, code: &[u8]);

    /// What was placed together has been shown, and may run next.
    fn flush(&self);
}
