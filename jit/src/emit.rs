//! What Cranelift made of a function to what the runtime takes.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{self, ExternalName};
use cranelift_codegen::{CompiledCode, FinalizedMachExceptionHandler, FinalizedRelocTarget};

use crate::skew::skew;
use crate::translate::inline::Inlined;
use crate::vm::code::{
    CallSite, Code, Handler, InlinedPlace, Relocation, RelocationKind, StackMap, TRAP_AT_RETURN,
    TrapCode, TrapSite,
};
use crate::vm::context::FuncId;
use crate::vm::instance::TagId;

/// Alignment of functions: a line of the instruction cache. With half of it, a loop of calls took
/// up to a sixth longer in one function than in another with the same instructions.
const ALIGN_MIN: u32 = 64;

/// Takes over compiled code. The error says what in it has no place in a process.
pub fn code(
    compiled: &CompiledCode,
    func: &ir::Function,
    inlined: &Inlined,
) -> Result<Code, String> {
    let buffer = &compiled.buffer;
    let relocations = buffer.relocs().iter().map(|reloc| relocation(reloc, func));
    let relocations = relocations.collect::<Result<_, _>>()?;
    let mut traps = Vec::with_capacity(buffer.traps().len());
    for trap in buffer.traps() {
        traps.push(TrapSite { offset: trap.offset, code: trap_code(trap.code)? });
    }
    traps.sort_by_key(|trap| trap.offset);
    let mut locations = locations(compiled, inlined);
    let inlined_places = take_inlined(&mut locations, inlined);
    Ok(Code {
        bytes: buffer.data().to_vec(),
        align: buffer.alignment.max(ALIGN_MIN),
        skew: skew(compiled, buffer.alignment),
        relocations,
        locations,
        inlined: inlined_places,
        inlined_calls: inlined.calls,
        traps,
        call_sites: call_sites(compiled)?,
        stack_maps: stack_maps(compiled),
        is_provisional: false,
    })
}

/// Where references that the collector may change are during calls.
fn stack_maps(compiled: &CompiledCode) -> Vec<StackMap> {
    let maps = compiled.buffer.user_stack_maps().iter();
    let maps = maps.map(|(return_offset, frame_bytes, map)| StackMap {
        return_offset: *return_offset,
        // At a call the frame pointer is so far above the stack pointer, from which the map counts.
        below_frame_pointer: map.entries().map(|(_, at)| frame_bytes - at).collect(),
    });
    maps.filter(|map| !map.below_frame_pointer.is_empty()).collect()
}

fn relocation(
    reloc: &cranelift_codegen::FinalizedMachReloc,
    func: &ir::Function,
) -> Result<Relocation, String> {
    let kind = match reloc.kind {
        Reloc::X86CallPCRel4 | Reloc::X86PCRel4 => RelocationKind::Relative32,
        Reloc::Abs8 => RelocationKind::Absolute64,
        other => return Err(format!("it needs a relocation of kind `{other}`")),
    };
    let target = match &reloc.target {
        FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
            FuncId(func.params.user_named_funcs()[*name].index)
        }
        other => return Err(format!("it needs `{}`", other.display(Some(&func.params)))),
    };
    Ok(Relocation { offset: reloc.offset, kind, target, addend: reloc.addend })
}

/// The calls whose exceptions the function handles.
fn call_sites(compiled: &CompiledCode) -> Result<Vec<CallSite>, String> {
    let mut sites = Vec::new();
    for site in compiled.buffer.call_sites().filter(|site| !site.exception_handlers.is_empty()) {
        let frame_bytes = site.frame_offset.ok_or("a call inside `try` has no known frame")?;
        let handlers = site.exception_handlers.iter().map(|handler| match *handler {
            FinalizedMachExceptionHandler::Tag(tag, offset) => {
                Ok(Handler { tag: Some(TagId(tag.as_u32())), offset })
            }
            FinalizedMachExceptionHandler::Default(offset) => Ok(Handler { tag: None, offset }),
            FinalizedMachExceptionHandler::Context(_) => {
                Err("a handler depends on a context".to_owned())
            }
        });
        let handlers = handlers.collect::<Result<_, _>>()?;
        sites.push(CallSite { return_offset: site.ret_addr, frame_bytes, handlers });
    }
    Ok(sites)
}

/// Cranelift's own codes have the highest numbers; all others are ours.
fn trap_code(code: ir::TrapCode) -> Result<TrapCode, String> {
    Ok(match code {
        ir::TrapCode::STACK_OVERFLOW => TrapCode::StackOverflow,
        ir::TrapCode::INTEGER_OVERFLOW => TrapCode::IntegerOverflow,
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => TrapCode::MemoryOutOfBounds,
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => TrapCode::IntegerDivideByZero,
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => TrapCode::InvalidConversionToInteger,
        code => TrapCode::from_number(code.as_raw().get())
            .ok_or_else(|| format!("it traps with the unknown code `{code}`"))?,
    })
}

/// Replaces locations in inlined bodies by those of the outermost calls, and gives the bodies' own.
fn take_inlined(locations: &mut [(u32, u32)], inlined: &Inlined) -> Vec<InlinedPlace> {
    let mut all = Vec::new();
    for (code_offset, location) in locations {
        let (places, outermost) = inlined.resolve(*location);
        *location = outermost;
        all.extend(places.into_iter().map(|place| InlinedPlace {
            code_offset: *code_offset,
            func: place.func,
            wasm_offset: place.wasm_offset,
        }));
    }
    all
}

/// The wasm offset of each place that a backtrace can name, or its location in an inlined body.
fn locations(compiled: &CompiledCode, inlined: &Inlined) -> Vec<(u32, u32)> {
    let ranges = compiled.buffer.get_srclocs_sorted();
    let find = |offset: u32| {
        let after = ranges.partition_point(|range| range.start <= offset);
        let range = ranges.get(after.checked_sub(1)?)?;
        (offset < range.end && !range.loc.is_default()).then(|| range.loc.bits())
    };
    // A return address is the first byte after its call: the call is what it stands for.
    let returns = compiled.buffer.call_sites().map(|site| (site.ret_addr, site.ret_addr - 1));
    let returns = returns.filter_map(|(at, inside)| Some((at, find(inside)?)));
    let mut locations = returns.collect::<Vec<_>>();
    locations.sort_unstable();
    let returns_len = locations.len();
    for trap in compiled.buffer.traps() {
        let Some(found) = find(trap.offset) else { continue };
        let returns = &locations[..returns_len];
        let is_return = returns.binary_search_by_key(&trap.offset, |(at, _)| *at).is_ok();
        let key = trap.offset | if is_return { TRAP_AT_RETURN } else { 0 };
        locations.push((key, inlined.trapping(found, trap.code)));
    }
    locations.sort_unstable();
    locations.dedup_by_key(|(at, _)| *at);
    locations
}
