//! The programs, as text: a main program and a library that mirror each other, and the same in one
//! plain module for other engines.

use std::fmt::Write;

/// Call sites, and callees, of the cases that show what many of them cost.
pub const SITES: u32 = 1024;

/// Where things are in a dso's memory, from its base.
const SINK: u32 = 0;
const WORDS: u32 = 0x1000;
const OWN_POINTERS: u32 = 0x2000;
const OTHER_POINTERS: u32 = 0x3000;
const MEMORY_BYTES: u32 = 0x4000;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The main program, a dso that needs the library.
    Main,
    /// The library, which in turn refers to the main program.
    Library,
    /// A module that needs nobody but the host.
    Plain,
}

/// The text of a program. With `p` for its own prefix and `q` for the other's, it defines
/// * functions `p0`, `p1`, …, of one store and one addition, and words of data `pd0`, …;
/// * functions that call or read these in a loop: `p_inside_N`, `p_indirect_N`, `p_data_inside_N`;
/// * in dsos, loops over those of the other: `p_across_N`, `p_weak_N`, `p_data_across_N`;
/// * loops that go through somebody else: `p_callback_inside`, `p_callback_across`, `p_host`,
///   `p_through_host`.
///
/// `N` is the number of call sites, each with a callee of its own.
#[must_use]
pub fn text(kind: Kind) -> String {
    let (own, other) = if kind == Kind::Library { ("l", "m") } else { ("m", "l") };
    let mut program = Program { kind, own, other, text: String::new() };
    program.linking();
    program.callees();
    for sites in [1, SITES] {
        program.loops(sites);
    }
    program.detours();
    format!("(module {}\n)\n", program.text)
}

struct Program {
    kind: Kind,
    own: &'static str,
    other: &'static str,
    text: String,
}

impl Program {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("strings take everything");
    }

    /// An address in this program's memory.
    fn at(&self, offset: u32) -> String {
        match self.kind {
            Kind::Plain => format!("(i32.const {offset})"),
            _ => format!("(i32.add (global.get $memory_base) (i32.const {offset}))"),
        }
    }

    /// Sections that link, imports, memory and table.
    fn linking(&mut self) {
        let Program { kind, own, other, .. } = *self;
        if kind != Kind::Plain {
            let needed = if kind == Kind::Main { "(needed \"lib.wasm\")" } else { "" };
            let weak = (0..SITES)
                .map(|k| format!("(import-info \"env\" \"{other}w{k}\" binding-weak undefined)\n"));
            let weak = weak.collect::<String>();
            self.line(format_args!(
                "(@dylink.0 (mem-info (memory {MEMORY_BYTES} 4) (table {SITES} 0)) {needed} {weak})"
            ));
        }
        self.line(format_args!(
            "(type $t (func (param i32) (result i32)))
             (import \"env\" \"host_inc\" (func $host_inc (type $t)))
             (import \"env\" \"host_call\" (func $host_call (type $t)))"
        ));
        if kind == Kind::Plain {
            self.line(format_args!(
                "(memory (export \"memory\") 1) (table {SITES} funcref) (elem (i32.const 0) func"
            ));
        } else {
            self.line(format_args!(
                "(import \"env\" \"memory\" (memory 0))
                 (import \"env\" \"__indirect_function_table\" (table {SITES} funcref))
                 (import \"env\" \"__memory_base\" (global $memory_base i32))
                 (import \"env\" \"__table_base\" (global $table_base i32))
                 (import \"env\" \"{other}_apply\"
                   (func ${other}_apply (param i32 i32) (result i32)))"
            ));
            for k in 0..SITES {
                self.line(format_args!(
                    "(import \"env\" \"{other}{k}\" (func ${other}{k} (type $t)))
                     (import \"env\" \"{other}w{k}\" (func ${other}w{k} (type $t)))
                     (import \"GOT.func\" \"{other}{k}\" (global $f{k} (mut i32)))
                     (import \"GOT.mem\" \"{other}d{k}\" (global $d{k} (mut i32)))"
                ));
            }
            self.line(format_args!("(elem (global.get $table_base) func"));
        }
        for k in 0..SITES {
            self.line(format_args!("${own}{k}"));
        }
        self.line(format_args!(")"));
    }

    fn callees(&mut self) {
        let own = self.own;
        let sink = self.at(SINK);
        for k in 0..SITES {
            self.line(format_args!(
                "(func ${own}{k} (export \"{own}{k}\") (export \"{own}w{k}\") (type $t)
                   (i32.store {sink} (local.get 0))
                   (i32.add (local.get 0) (i32.const 1)))
                 (global (export \"{own}d{k}\") i32 (i32.const {}))",
                WORDS + 4 * k
            ));
        }
        // Every word is 1; the arrays of function pointers hold this program's, then the other's.
        let words = self.at(WORDS);
        let pointers = self.at(OWN_POINTERS);
        let base =
            if self.kind == Kind::Plain { "(i32.const 0)" } else { "(global.get $table_base)" };
        self.line(format_args!(
            "(func $fill (local $k i32)
               (loop $next
                 (i32.store (i32.add {words} (i32.mul (local.get $k) (i32.const 4))) (i32.const 1))
                 (i32.store (i32.add {pointers} (i32.mul (local.get $k) (i32.const 4)))
                   (i32.add {base} (local.get $k)))
                 (local.set $k (i32.add (local.get $k) (i32.const 1)))
                 (br_if $next (i32.lt_u (local.get $k) (i32.const {SITES})))))"
        ));
        if self.kind == Kind::Plain {
            return self.line(format_args!("(start $fill)"));
        }
        self.line(format_args!("(func (export \"__wasm_apply_data_relocs\") (call $fill)"));
        for k in 0..SITES {
            let pointer = self.at(OTHER_POINTERS + 4 * k);
            self.line(format_args!("(i32.store {pointer} (global.get $f{k}))"));
        }
        self.line(format_args!(")"));
    }

    /// A function that repeats `body`, which changes `$x`.
    fn repeat(&mut self, name: &str, extra: &str, body: &str) {
        let own = self.own;
        self.line(format_args!(
            "(func (export \"{own}_{name}\") (param $n i32) {extra} (result i32) (local $x i32)
               (loop $l {body}
                 (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
               (local.get $x))"
        ));
    }

    fn loops(&mut self, sites: u32) {
        let Program { own, other, .. } = *self;
        let each = |site: &dyn Fn(u32) -> String| (0..sites).map(site).collect::<String>();
        let calls = |callee: &str| {
            each(&|k| format!("(local.set $x (call ${callee}{k} (local.get $x)))\n"))
        };
        self.repeat(&format!("inside_{sites}"), "", &calls(own));

        // The array, this program's or the other's, is what differs: the code does not.
        let array = self.at(OWN_POINTERS);
        let array = format!(
            "(local.set $a (i32.add {array} (i32.mul (local.get $a) (i32.const {}))))",
            OTHER_POINTERS - OWN_POINTERS
        );
        let indirect = each(&|k| {
            format!(
                "(local.set $x (call_indirect (type $t) (local.get $x)
                   (i32.load offset={} (local.get $a))))\n",
                4 * k
            )
        });
        self.line(format_args!(
            "(func (export \"{own}_indirect_{sites}\") (param $n i32) (param $a i32) (result i32)
               (local $x i32) {array}
               (loop $l {indirect}
                 (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
               (local.get $x))"
        ));

        let sink = self.at(SINK);
        let reads = |address: &dyn Fn(u32) -> String| {
            each(&|k| {
                let address = address(k);
                format!(
                    "(local.set $x (i32.add (local.get $x) (i32.load {address})))
                     (i32.store {sink} (local.get $x))\n"
                )
            })
        };
        let inside = reads(&|k| self.at(WORDS + 4 * k));
        let across = reads(&|k| format!("(global.get $d{k})"));
        self.repeat(&format!("data_inside_{sites}"), "", &inside);
        if self.kind == Kind::Plain {
            return;
        }
        self.repeat(&format!("data_across_{sites}"), "", &across);
        self.repeat(&format!("across_{sites}"), "", &calls(other));
        self.repeat(&format!("weak_{sites}"), "", &calls(&format!("{other}w")));
    }

    /// Calls that come back through somebody else.
    fn detours(&mut self) {
        let Program { kind, own, other, .. } = *self;
        self.line(format_args!(
            "(func ${own}_apply (export \"{own}_apply\") (param $f i32) (param $x i32) (result i32)
               (call_indirect (type $t) (local.get $x) (local.get $f)))"
        ));
        let pointer = format!("(i32.load {})", self.at(OWN_POINTERS));
        let apply =
            |who: &str| format!("(local.set $x (call ${who}_apply {pointer} (local.get $x)))");
        let host = |which: &str| format!("(local.set $x (call $host_{which} (local.get $x)))");
        self.repeat("callback_inside", "", &apply(own));
        if kind != Kind::Plain {
            self.repeat("callback_across", "", &apply(other));
        }
        self.repeat("host", "", &host("inc"));
        self.repeat("through_host", "", &host("call"));
    }
}
