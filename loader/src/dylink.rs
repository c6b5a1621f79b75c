//! The `dylink.0` section: what a module says about itself to the dynamic linker.
//!
//! The decoder knows every subsection and flag of the tool conventions' `DynamicLinking.md`, and
//! the section's predecessor `dylink`. It keeps nothing of the module but what it read.

use std::collections::HashMap;
use std::fmt;

use dynvm_vm::module::Module;

/// Name of the section.
const SECTION: &str = "dylink.0";
/// Name of its predecessor, used before 2021.
const LEGACY_SECTION: &str = "dylink";

/// Most that an alignment exponent can be: memories end at 2^32.
const ALIGN_LOG2_MAX: u32 = 31;

/// What a module asks of the dynamic linker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dylink {
    /// Room for data, bss included, and for table elements.
    pub room: Room,
    /// Libraries this dso needs, in order.
    pub needed: Vec<String>,
    /// Directories to search for `needed`, `$ORIGIN` not yet expanded.
    pub runpath: Vec<String>,
    /// Flags of exports, by name.
    pub exports: HashMap<String, SymbolFlags>,
    /// Flags of imports, by field name (producers write `env` whatever the module of the import).
    pub imports: HashMap<String, SymbolFlags>,
    /// Whether it came from the section of before 2021.
    pub is_legacy: bool,
}

/// `WASM_DYLINK_MEM_INFO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of memory.
    pub memory_size: u32,
    /// Binary logarithm of their alignment.
    pub memory_align_log2: u32,
    /// Elements of the table.
    pub table_size: u32,
    /// Binary logarithm of their alignment.
    pub table_align_log2: u32,
}

/// Flags of a symbol, as in the symbol table of `Linking.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SymbolFlags(pub u32);

impl SymbolFlags {
    /// Binding: weak.
    pub const WEAK: u32 = 0x1;
    /// Binding: local.
    pub const LOCAL: u32 = 0x2;
    /// Both bits of the binding.
    pub const BINDING_MASK: u32 = 0x3;
    /// Visibility: hidden.
    pub const HIDDEN: u32 = 0x4;
    /// Not defined here.
    pub const UNDEFINED: u32 = 0x10;
    /// Exported from the module.
    pub const EXPORTED: u32 = 0x20;
    /// Has a name of its own, not the import's.
    pub const EXPLICIT_NAME: u32 = 0x40;
    /// Kept though unused.
    pub const NO_STRIP: u32 = 0x80;
    /// Relative to the thread's block of this dso.
    pub const TLS: u32 = 0x100;
    /// Relative to nothing.
    pub const ABSOLUTE: u32 = 0x200;

    /// May stay undefined (an import) or give way (an export).
    #[must_use]
    pub fn is_weak(self) -> bool {
        self.0 & Self::BINDING_MASK == Self::WEAK
    }

    /// Invisible to every other dso and to `dlsym`.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        self.0 & Self::HIDDEN != 0 || self.0 & Self::BINDING_MASK == Self::LOCAL
    }

    /// Lives in the thread's block.
    #[must_use]
    pub fn is_tls(self) -> bool {
        self.0 & Self::TLS != 0
    }

    /// No base is added.
    #[must_use]
    pub fn is_absolute(self) -> bool {
        self.0 & Self::ABSOLUTE != 0
    }
}

/// What is wrong with a `dylink.0` section.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DylinkError {
    /// It stands behind another section.
    NotFirst {
        /// Name of the section.
        section: &'static str,
    },
    /// There are two.
    Repeated {
        /// Name of the section.
        section: &'static str,
    },
    /// It ends in the middle of something.
    Truncated {
        /// What was being read.
        reading: &'static str,
    },
    /// A number has more bits than its type.
    Overflow {
        /// What was being read.
        reading: &'static str,
    },
    /// A string is not UTF-8.
    Utf8 {
        /// What was being read.
        reading: &'static str,
    },
    /// A subsection's content is shorter than its length says.
    TrailingBytes {
        /// What was read.
        subsection: &'static str,
        /// Bytes left over.
        count: usize,
    },
    /// An alignment exponent that no address can have.
    Alignment {
        /// Which.
        of: &'static str,
        /// Its value.
        log2: u32,
    },
    /// `WASM_DYLINK_MEM_INFO` twice.
    RepeatedMemInfo,
    /// A `dyninfo` section that is no JSON, or does not fit the module.
    Dyninfo {
        /// What is wrong with it.
        detail: String,
    },
    /// A needed library without a name, or with a NUL in it.
    BadNeeded {
        /// The name.
        name: String,
    },
}

impl fmt::Display for DylinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DylinkError::NotFirst { section } => {
                write!(f, "the `{section}` section is not the first section of the module")
            }
            DylinkError::Repeated { section } => {
                write!(f, "expected one `{section}` section, found another")
            }
            DylinkError::Truncated { reading } => {
                write!(f, "the `dylink.0` section ends inside {reading}")
            }
            DylinkError::Overflow { reading } => {
                write!(f, "{reading} in the `dylink.0` section does not fit in 32 bits")
            }
            DylinkError::Utf8 { reading } => {
                write!(f, "{reading} in the `dylink.0` section is not UTF-8")
            }
            DylinkError::TrailingBytes { subsection, count } => {
                write!(f, "expected the end of {subsection}, found {count} more bytes")
            }
            DylinkError::Alignment { of, log2 } => {
                write!(f, "expected an alignment of {of} up to 2^{ALIGN_LOG2_MAX}, found 2^{log2}")
            }
            DylinkError::RepeatedMemInfo => f.write_str("expected one `mem-info`, found another"),
            DylinkError::Dyninfo { detail } => write!(f, "the `dyninfo` section: {detail}"),
            DylinkError::BadNeeded { name } => {
                write!(f, "expected the name of a needed library, found `{}`", name.escape_debug())
            }
        }
    }
}

impl std::error::Error for DylinkError {}

impl Dylink {
    /// What `module` says, or `None` if it has neither section.
    ///
    /// # Errors
    /// If a section is there and is malformed or misplaced.
    pub fn of_module(module: &Module) -> Result<Option<Dylink>, DylinkError> {
        let mut found = None;
        for section in &module.custom_sections {
            let name = match section.name.as_str() {
                SECTION => SECTION,
                LEGACY_SECTION => LEGACY_SECTION,
                _ => continue,
            };
            if found.is_some() {
                return Err(DylinkError::Repeated { section: name });
            }
            if !section.is_first {
                return Err(DylinkError::NotFirst { section: name });
            }
            let bytes = &module.bytes[section.range.clone()];
            found = Some(if name == SECTION {
                Dylink::decode(bytes)?
            } else {
                Dylink::decode_legacy(bytes)?
            });
        }
        Ok(found)
    }

    /// Decodes the content of a `dylink.0` section.
    ///
    /// # Errors
    /// If it is malformed. A subsection of unknown type is not an error: it is skipped.
    pub fn decode(bytes: &[u8]) -> Result<Dylink, DylinkError> {
        let mut dylink = Dylink::default();
        let mut reader = Reader { bytes };
        let mut has_room = false;
        while !reader.bytes.is_empty() {
            let kind = reader.byte("a subsection's type")?;
            let len = reader.u32("a subsection's length")?;
            let mut payload = Reader { bytes: reader.take(len, "a subsection")? };
            let name = match kind {
                1 => {
                    if std::mem::replace(&mut has_room, true) {
                        return Err(DylinkError::RepeatedMemInfo);
                    }
                    dylink.room = payload.room()?;
                    "`mem-info`"
                }
                2 => {
                    payload.needed(&mut dylink.needed)?;
                    "`needed`"
                }
                3 => {
                    for _ in 0..payload.u32("the count of exports")? {
                        let name = payload.string("the name of an export")?;
                        let flags = payload.u32("the flags of an export")?;
                        dylink.exports.insert(name, SymbolFlags(flags));
                    }
                    "`export-info`"
                }
                4 => {
                    for _ in 0..payload.u32("the count of imports")? {
                        payload.string("the module of an import")?;
                        let field = payload.string("the name of an import")?;
                        let flags = payload.u32("the flags of an import")?;
                        dylink.imports.insert(field, SymbolFlags(flags));
                    }
                    "`import-info`"
                }
                5 => {
                    payload.strings(&mut dylink.runpath, "a directory of the runpath")?;
                    "`runtime-path`"
                }
                unknown => {
                    tracing::debug!(target: "dynvm::files", "skipping subsection {unknown} of `dylink.0`");
                    continue;
                }
            };
            if !payload.bytes.is_empty() {
                let count = payload.bytes.len();
                return Err(DylinkError::TrailingBytes { subsection: name, count });
            }
        }
        Ok(dylink)
    }

    fn decode_legacy(bytes: &[u8]) -> Result<Dylink, DylinkError> {
        let mut reader = Reader { bytes };
        let mut dylink = Dylink { room: reader.room()?, is_legacy: true, ..Dylink::default() };
        reader.needed(&mut dylink.needed)?;
        if !reader.bytes.is_empty() {
            let count = reader.bytes.len();
            return Err(DylinkError::TrailingBytes { subsection: "`dylink`", count });
        }
        Ok(dylink)
    }

    /// Flags of the import called `field`, none if nothing is said about it.
    #[must_use]
    pub fn import_flags(&self, field: &str) -> SymbolFlags {
        self.imports.get(field).copied().unwrap_or_default()
    }

    /// Flags of the export called `name`, none if nothing is said about it.
    #[must_use]
    pub fn export_flags(&self, name: &str) -> SymbolFlags {
        self.exports.get(name).copied().unwrap_or_default()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u32, reading: &'static str) -> Result<&'a [u8], DylinkError> {
        let split = self.bytes.split_at_checked(len as usize);
        let (taken, rest) = split.ok_or(DylinkError::Truncated { reading })?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self, reading: &'static str) -> Result<u8, DylinkError> {
        Ok(self.take(1, reading)?[0])
    }

    /// LEB128, at most five bytes.
    fn u32(&mut self, reading: &'static str) -> Result<u32, DylinkError> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte(reading)?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0xf {
                return Err(DylinkError::Overflow { reading });
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DylinkError::Overflow { reading })
    }

    fn string(&mut self, reading: &'static str) -> Result<String, DylinkError> {
        let len = self.u32(reading)?;
        let bytes = self.take(len, reading)?;
        let text = std::str::from_utf8(bytes).map_err(|_| DylinkError::Utf8 { reading })?;
        Ok(text.to_owned())
    }

    fn strings(&mut self, to: &mut Vec<String>, each: &'static str) -> Result<(), DylinkError> {
        for _ in 0..self.u32("a count of names")? {
            to.push(self.string(each)?);
        }
        Ok(())
    }

    fn needed(&mut self, to: &mut Vec<String>) -> Result<(), DylinkError> {
        self.strings(to, "the name of a needed library")?;
        match to.iter().find(|name| name.is_empty() || name.contains('\0')) {
            Some(name) => Err(DylinkError::BadNeeded { name: name.clone() }),
            None => Ok(()),
        }
    }

    fn room(&mut self) -> Result<Room, DylinkError> {
        let room = Room {
            memory_size: self.u32("the size of memory")?,
            memory_align_log2: self.u32("the alignment of memory")?,
            table_size: self.u32("the size of the table")?,
            table_align_log2: self.u32("the alignment of the table")?,
        };
        for (of, log2) in [("memory", room.memory_align_log2), ("the table", room.table_align_log2)]
        {
            if log2 > ALIGN_LOG2_MAX {
                return Err(DylinkError::Alignment { of, log2 });
            }
        }
        Ok(room)
    }
}

#[cfg(test)]
mod tests;
