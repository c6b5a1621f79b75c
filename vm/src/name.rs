//! Names in a module: parts of its bytes.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A name that a module's bytes hold. It keeps those, and no copy: a library may have tens of
/// thousands of names, most of which nobody ever asks for.
#[derive(Clone)]
pub struct Name {
    /// They hold UTF-8 at the range that follows.
    bytes: Arc<Vec<u8>>,
    start: u32,
    len: u32,
}

impl Name {
    /// A name of the module with these bytes. One that stands somewhere else is copied.
    #[must_use]
    pub fn of_module(bytes: &Arc<Vec<u8>>, name: &str) -> Name {
        let start = name.as_ptr().addr().checked_sub(bytes.as_ptr().addr());
        let is_within = |start: &usize| start + name.len() <= bytes.len();
        match (start.filter(is_within).map(u32::try_from), u32::try_from(name.len())) {
            // The same addresses, while both are borrowed: the same bytes, which are a `str`.
            (Some(Ok(start)), Ok(len)) => Name { bytes: Arc::clone(bytes), start, len },
            _ => name.into(),
        }
    }

    /// The name.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[self.start as usize..][..self.len as usize];
        // SAFETY: `of_module` and `from` take the range from a `str`, and nobody changes bytes that
        // are shared: no `&mut` to them is made.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        let len = u32::try_from(name.len()).expect("a name is shorter than a module can be");
        Name { bytes: Arc::new(name.as_bytes().to_owned()), start: 0, len }
    }
}

impl Deref for Name {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::Name;

    #[test]
    fn names_are_parts_of_the_bytes() {
        let bytes = Arc::new("xfüry".as_bytes().to_owned());
        let text = std::str::from_utf8(&bytes[1..5]).expect("it is UTF-8");
        let name = Name::of_module(&bytes, text);
        assert_eq!(name, "für");
        assert_eq!(name.as_ptr(), bytes[1..].as_ptr());
        assert_eq!(Name::of_module(&bytes, &text[text.len()..]), "");
    }

    #[test]
    fn names_from_elsewhere_are_copied() {
        let bytes = Arc::new(b"abc".to_vec());
        for text in ["abc", "abcd", ""] {
            let elsewhere = text.to_owned();
            assert_eq!(Name::of_module(&bytes, &elsewhere), text);
        }
        assert_eq!(HashSet::from([Name::from("a")]).get("a"), Some(&"a".into()));
    }
}
