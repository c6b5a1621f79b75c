//! Every vector instruction.

use super::check_operators;

const SHAPES: [(&str, &str, usize); 6] = [
    ("i8x16", "i32", 16),
    ("i16x8", "i32", 8),
    ("i32x4", "i32", 4),
    ("i64x2", "i64", 2),
    ("f32x4", "f32", 4),
    ("f64x2", "f64", 2),
];

/// Operators `prefix.name`, all of one type.
#[track_caller]
fn check_all(prefixes: &[&str], names: &[&str], params: &str, result: &str) {
    let names =
        prefixes.iter().flat_map(|prefix| names.iter().map(move |name| format!("{prefix}.{name}")));
    let names = names.collect::<Vec<_>>();
    let operators = names.iter().map(|name| (&**name, params, result)).collect::<Vec<_>>();
    check_operators(&operators);
}

#[test]
fn lanes() {
    for (shape, scalar, count) in SHAPES {
        check_all(&[shape], &["splat"], scalar, "v128");
        let last = count - 1;
        check_all(&[shape], &[&format!("replace_lane {last}")], &format!("v128 {scalar}"), "v128");
        let signs: &[&str] = if count > 4 { &["_s", "_u"] } else { &[""] };
        for sign in signs {
            check_all(&[shape], &[&format!("extract_lane{sign} {last}")], "v128", scalar);
        }
    }
    check_operators(&[
        ("i8x16.shuffle 0 31 1 30 2 29 3 28 4 27 5 26 6 25 7 24", "v128 v128", "v128"),
        ("i8x16.swizzle", "v128 v128", "v128"),
        ("v128.const i32x4 1 2 3 4", "", "v128"),
        ("(i32x4.add (v128.const i32x4 1 2 3 4))", "v128", "v128"),
    ]);
}

#[test]
fn memory() {
    let names = [
        "load",
        "load8x8_s",
        "load8x8_u",
        "load16x4_s",
        "load16x4_u",
        "load32x2_s",
        "load32x2_u",
        "load8_splat",
        "load16_splat",
        "load32_splat",
        "load64_splat",
        "load32_zero",
        "load64_zero",
    ];
    check_all(&["v128"], &names, "i32", "v128");
    check_all(&["v128"], &["store"], "i32 v128", "");
    let names = ["load8_lane 15", "load16_lane 7", "load32_lane 3", "load64_lane 1"];
    check_all(&["v128"], &names, "i32 v128", "v128");
    let names = ["store8_lane 15", "store16_lane 7", "store32_lane 3", "store64_lane 1"];
    check_all(&["v128"], &names, "i32 v128", "");
}

#[test]
fn comparisons_and_bits() {
    let signed = ["eq", "ne", "lt_s", "gt_s", "le_s", "ge_s"];
    check_all(&["i8x16", "i16x8", "i32x4", "i64x2"], &signed, "v128 v128", "v128");
    let unsigned = ["lt_u", "gt_u", "le_u", "ge_u"];
    check_all(&["i8x16", "i16x8", "i32x4"], &unsigned, "v128 v128", "v128");
    check_all(&["f32x4", "f64x2"], &["eq", "ne", "lt", "gt", "le", "ge"], "v128 v128", "v128");
    check_all(&["v128"], &["and", "andnot", "or", "xor"], "v128 v128", "v128");
    check_all(&["v128"], &["bitselect"], "v128 v128 v128", "v128");
    check_all(&["v128"], &["not"], "v128", "v128");
    check_all(&["v128"], &["any_true"], "v128", "i32");
    let shapes = ["i8x16", "i16x8", "i32x4", "i64x2"];
    check_all(&shapes, &["all_true", "bitmask"], "v128", "i32");
}

#[test]
fn integers() {
    let shapes = ["i8x16", "i16x8", "i32x4", "i64x2"];
    check_all(&shapes, &["abs", "neg"], "v128", "v128");
    check_all(&shapes, &["add", "sub"], "v128 v128", "v128");
    check_all(&shapes, &["shl", "shr_s", "shr_u"], "v128 i32", "v128");
    check_all(&shapes[1..], &["mul"], "v128 v128", "v128");
    check_all(&shapes[..3], &["min_s", "min_u", "max_s", "max_u"], "v128 v128", "v128");
    let names = ["add_sat_s", "add_sat_u", "sub_sat_s", "sub_sat_u", "avgr_u"];
    check_all(&shapes[..2], &names, "v128 v128", "v128");
    check_all(&["i8x16"], &["popcnt"], "v128", "v128");
    check_all(&["i16x8"], &["q15mulr_sat_s"], "v128 v128", "v128");
    check_all(&["i32x4"], &["dot_i16x8_s"], "v128 v128", "v128");
}

#[test]
fn floats() {
    let shapes = ["f32x4", "f64x2"];
    let names = ["ceil", "floor", "trunc", "nearest", "abs", "neg", "sqrt"];
    check_all(&shapes, &names, "v128", "v128");
    let names = ["add", "sub", "mul", "div", "min", "max", "pmin", "pmax"];
    check_all(&shapes, &names, "v128 v128", "v128");
}

#[test]
fn conversions() {
    for (to, from) in [("i16x8", "i8x16"), ("i32x4", "i16x8"), ("i64x2", "i32x4")] {
        for sign in ["s", "u"] {
            for half in ["low", "high"] {
                check_all(&[to], &[&format!("extend_{half}_{from}_{sign}")], "v128", "v128");
                let multiply = format!("extmul_{half}_{from}_{sign}");
                check_all(&[to], &[&multiply], "v128 v128", "v128");
            }
            if to != "i64x2" {
                check_all(&[to], &[&format!("extadd_pairwise_{from}_{sign}")], "v128", "v128");
                check_all(&[from], &[&format!("narrow_{to}_{sign}")], "v128 v128", "v128");
            }
        }
    }
    let names = [
        "trunc_sat_f32x4_s",
        "trunc_sat_f32x4_u",
        "trunc_sat_f64x2_s_zero",
        "trunc_sat_f64x2_u_zero",
    ];
    check_all(&["i32x4"], &names, "v128", "v128");
    let names = ["convert_i32x4_s", "convert_i32x4_u", "demote_f64x2_zero"];
    check_all(&["f32x4"], &names, "v128", "v128");
    let names = ["convert_low_i32x4_s", "convert_low_i32x4_u", "promote_low_f32x4"];
    check_all(&["f64x2"], &names, "v128", "v128");
}

#[test]
fn relaxed() {
    check_all(&["f32x4", "f64x2"], &["relaxed_madd", "relaxed_nmadd"], "v128 v128 v128", "v128");
    check_all(&["f32x4", "f64x2"], &["relaxed_min", "relaxed_max"], "v128 v128", "v128");
    let shapes = ["i8x16", "i16x8", "i32x4", "i64x2"];
    check_all(&shapes, &["relaxed_laneselect"], "v128 v128 v128", "v128");
    let names = [
        "relaxed_trunc_f32x4_s",
        "relaxed_trunc_f32x4_u",
        "relaxed_trunc_f64x2_s_zero",
        "relaxed_trunc_f64x2_u_zero",
    ];
    check_all(&["i32x4"], &names, "v128", "v128");
    check_operators(&[
        ("i8x16.relaxed_swizzle", "v128 v128", "v128"),
        ("i16x8.relaxed_q15mulr_s", "v128 v128", "v128"),
        ("i16x8.relaxed_dot_i8x16_i7x16_s", "v128 v128", "v128"),
        ("i32x4.relaxed_dot_i8x16_i7x16_add_s", "v128 v128 v128", "v128"),
    ]);
}
