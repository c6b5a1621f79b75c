//! A script: its commands in order, each counted as passed or failed.

use dynvm_jit::{CompileTime, Standard};
use dynvm_vm::Stop;
use dynvm_vm::code::TrapCode;
use dynvm_vm::value::Value;
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, Wat};

use crate::linker::{Failure, Linker};
use crate::pattern::{argument, matches, show, show_expected};
use crate::thread::Threads;

/// What became of a script.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many commands did what they should.
    pub passed: usize,
    /// The others: `file:line: command: expected … found …`.
    pub failures: Vec<String>,
}

/// How the modules of a script are read and compiled.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The rules that they are held to: what is younger is not valid.
    pub standard: Standard,
    /// Whether every NaN that arithmetic gives is the canonical one.
    pub is_nan_canonical: bool,
    /// When its functions are compiled.
    pub compile: CompileTime,
    /// Whether the garbage collector runs at every allocation and moves all objects.
    pub is_heap_stressed: bool,
}

/// Runs the script `text`, called `file` in messages.
#[must_use]
pub fn run(options: Options, file: &str, text: &str) -> Report {
    let mut report = Report::default();
    if let Err(message) = run_all(options, file, text, &mut report) {
        report.failures.push(format!("{file}: {message}"));
    }
    report
}

fn run_all(options: Options, file: &str, text: &str, report: &mut Report) -> Result<(), String> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|error| error.to_string())?;
    let parsed = parser::parse::<Wast<'_>>(&buffer).map_err(|error| error.to_string())?;
    let script = Script { options, file, text };
    script.run(&mut Linker::new(options)?, parsed.directives, report)
}

/// What is the same for all threads of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a> {
    /// How its modules are read and compiled.
    pub(crate) options: Options,
    /// Its name.
    pub(crate) file: &'a str,
    /// All of it, for the numbers of lines.
    pub(crate) text: &'a str,
}

impl<'a> Script<'a> {
    /// Runs commands of the script in order, and the threads that they start to their ends.
    pub(crate) fn run(
        self,
        linker: &mut Linker,
        directives: Vec<WastDirective<'a>>,
        report: &mut Report,
    ) -> Result<(), String> {
        std::thread::scope(|scope| {
            let mut threads = Threads::new(scope);
            for directive in directives {
                let (line, _) = directive.span().linecol_in(self.text);
                let command = name(&directive);
                let outcome = match directive {
                    WastDirective::Thread(thread) => threads.start(self, linker, thread),
                    WastDirective::Wait { thread, .. } => threads.wait(thread.name(), report),
                    directive => run_directive(linker, directive),
                };
                match outcome {
                    Ok(()) => report.passed += 1,
                    Err(message) => {
                        let (file, line) = (self.file, line + 1);
                        report.failures.push(format!("{file}:{line}: {command}: {message}"));
                    }
                }
            }
            threads.wait_all(report)
        })
    }
}

fn name(directive: &WastDirective<'_>) -> &'static str {
    match directive {
        WastDirective::Module(_) => "module",
        WastDirective::ModuleDefinition(_) => "module definition",
        WastDirective::ModuleInstance { .. } => "module instance",
        WastDirective::AssertMalformed { .. } => "assert_malformed",
        WastDirective::AssertInvalid { .. } => "assert_invalid",
        WastDirective::Register { .. } => "register",
        WastDirective::Invoke(_) => "invoke",
        WastDirective::AssertTrap { .. } => "assert_trap",
        WastDirective::AssertReturn { .. } => "assert_return",
        WastDirective::AssertExhaustion { .. } => "assert_exhaustion",
        WastDirective::AssertUnlinkable { .. } => "assert_unlinkable",
        WastDirective::AssertException { .. } => "assert_exception",
        WastDirective::Thread(_) => "thread",
        WastDirective::Wait { .. } => "wait",
        _ => "command",
    }
}

fn run_directive(linker: &mut Linker, directive: WastDirective<'_>) -> Result<(), String> {
    match directive {
        WastDirective::Module(mut module) => {
            let id = module.name();
            let binary = encode(&mut module)?;
            linker.instantiate(text(id), &binary).map_err(|failure| describe(&failure))
        }
        WastDirective::ModuleDefinition(mut module) => {
            let id = module.name();
            let binary = encode(&mut module)?;
            linker.define(text(id), &binary).map_err(|failure| describe(&failure))
        }
        WastDirective::ModuleInstance { instance, module, .. } => linker
            .instantiate_defined(text(instance), text(module))
            .map_err(|failure| describe(&failure)),
        WastDirective::AssertMalformed { mut module, message, .. } => {
            assert_refused(linker, &mut module, message)
        }
        WastDirective::AssertInvalid { mut module, message, .. } => {
            assert_refused(linker, &mut module, message)
        }
        WastDirective::Register { name, module, .. } => linker.register(name, text(module)),
        WastDirective::Invoke(invoke) => match call(linker, &invoke)? {
            Ok(_) => Ok(()),
            Err(stop) => Err(format!("expected a return, found {stop}")),
        },
        WastDirective::AssertTrap { exec, message, .. } => {
            let outcome = execute(linker, exec)?;
            assert_trap(outcome, message)
        }
        WastDirective::AssertReturn { exec, results, .. } => {
            let values = match execute(linker, exec)? {
                Ok(values) => values,
                Err(stop) => {
                    return Err(format!("expected {}, found {stop}", show_expected(&results)));
                }
            };
            let mut is_match = values.len() == results.len();
            for (value, expected) in values.iter().zip(&results) {
                is_match &= matches(&linker.process, *value, expected)?;
            }
            if is_match {
                return Ok(());
            }
            Err(format!("expected {}, found {}", show_expected(&results), show(&values)))
        }
        WastDirective::AssertExhaustion { call: invoke, message, .. } => {
            let outcome = call(linker, &invoke)?;
            assert_trap(outcome, message)
        }
        WastDirective::AssertUnlinkable { mut module, message, .. } => {
            let binary = module.encode().map_err(|error| error.to_string())?;
            match linker.instantiate(None, &binary) {
                Err(Failure::Unlinkable(_)) => Ok(()),
                Err(other) => Err(format!("expected `{message}`, found {}", describe(&other))),
                Ok(()) => Err(format!("expected `{message}`, found an instance")),
            }
        }
        WastDirective::AssertException { exec, .. } => match execute(linker, exec)? {
            Err(Stop::Exception { .. }) => Ok(()),
            Err(stop) => Err(format!("expected an exception, found {stop}")),
            Ok(values) => Err(format!("expected an exception, found {}", show(&values))),
        },
        other => Err(format!("{} is not supported", name(&other))),
    }
}

pub(crate) fn text<'a>(id: Option<Id<'a>>) -> Option<&'a str> {
    id.map(|id| id.name())
}

fn encode(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, String> {
    module.encode().map_err(|error| error.to_string())
}

fn describe(failure: &Failure) -> String {
    match failure {
        Failure::Malformed(message) => format!("expected a module, found: {message}"),
        Failure::Unlinkable(message) => format!("expected an instance, found: {message}"),
        Failure::Stopped(stop) => format!("expected an instance, found: {stop}"),
    }
}

/// The wording of refusals is each engine's own; that there is one is what counts.
fn assert_refused(
    linker: &mut Linker,
    module: &mut QuoteWat<'_>,
    message: &str,
) -> Result<(), String> {
    let Ok(binary) = encode(module) else { return Ok(()) };
    match linker.define(Some("refused"), &binary) {
        Err(Failure::Malformed(_)) => Ok(()),
        _ => Err(format!("expected `{message}`, found a valid module")),
    }
}

type Outcome = Result<Vec<Value>, Stop>;

fn execute(linker: &mut Linker, exec: WastExecute<'_>) -> Result<Outcome, String> {
    match exec {
        WastExecute::Invoke(invoke) => call(linker, &invoke),
        WastExecute::Get { module, global, .. } => Ok(Ok(vec![linker.get(text(module), global)?])),
        WastExecute::Wat(mut module) => instantiate(linker, &mut module),
    }
}

fn instantiate(linker: &mut Linker, module: &mut Wat<'_>) -> Result<Outcome, String> {
    let binary = module.encode().map_err(|error| error.to_string())?;
    match linker.instantiate(None, &binary) {
        Ok(()) => Ok(Ok(Vec::new())),
        Err(Failure::Stopped(stop)) => Ok(Err(stop)),
        Err(failure) => Err(describe(&failure)),
    }
}

fn call(linker: &mut Linker, invoke: &WastInvoke<'_>) -> Result<Outcome, String> {
    let args = invoke.args.iter().map(argument).collect::<Result<Vec<_>, _>>()?;
    linker.invoke(text(invoke.module), invoke.name, &args)
}

fn assert_trap(outcome: Outcome, message: &str) -> Result<(), String> {
    let stop = match outcome {
        Err(Stop::Trap(trap)) if is_same_trap(trap.code, message) => return Ok(()),
        Err(stop) => stop.to_string(),
        Ok(values) => show(&values),
    };
    Err(format!("expected trap `{message}`, found {stop}"))
}

/// The suite adds details to some messages: `uninitialized element 2`.
fn is_same_trap(code: TrapCode, message: &str) -> bool {
    message.starts_with(code.message()) || code.message().starts_with(message)
}
