//! The program `dynvm`: reads the command line, does what it says, ends with the right status.

mod cache;
mod cli;
mod debug;
mod failure;
mod link;
mod progress;
mod run;
mod show;
mod wast;

use clap::error::{ContextKind, ErrorKind};
use failure::{Failure, print, say};

fn main() {
    failure::install_panic_hook();
    let debug = debug::Request::parse(&std::env::var(debug::VARIABLE).unwrap_or_default());
    for word in &debug.unknown {
        let variable = debug::VARIABLE;
        say(&format_args!("warning: unknown category `{word}`; {variable}=help lists them"));
    }
    let outcome = if debug.is_help {
        print(&dynvm::loader::debug::help()).map(|()| 0)
    } else {
        debug.install();
        execute()
    };
    let status = outcome.unwrap_or_else(|failure| failure.report());
    // Nothing is left to flush, and unmapping gigabytes of a dead guest takes time.
    std::process::exit(status.into())
}

/// Does what the command line says.
fn execute() -> Result<u8, Failure> {
    match cli::parse(std::env::args_os()) {
        Ok(cli::Command::Run(run)) => run::run(&run),
        Ok(cli::Command::Ldd(ldd)) => show::ldd(&ldd),
        Ok(cli::Command::Nm(nm)) => show::nm(&nm),
        Ok(cli::Command::Objdump(objdump)) => show::objdump(&objdump),
        Ok(cli::Command::Wast(wast)) => wast::wast(&wast),
        Ok(cli::Command::Link(link)) => link::link(&link),
        Ok(cli::Command::Compile(compile)) => cache::compile(&compile),
        Ok(cli::Command::Cache(command)) => cache::cache(&command),
        Err(error) if error.use_stderr() => Err(Failure::Usage(usage(&error))),
        Err(help) => print(&help.render()).map(|()| 0),
    }
}

/// clap's error in the style of ours: what is wrong, and how it is done.
fn usage(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let value = context(ContextKind::InvalidValue);
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "expected a program".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("expected {argument}"),
        ErrorKind::UnknownArgument => format!("unexpected argument `{argument}`"),
        ErrorKind::InvalidValue if value.is_empty() => format!("`{argument}` needs a value"),
        ErrorKind::InvalidValue => {
            let expected = context(ContextKind::ValidValue);
            format!("bad value `{value}` for `{argument}`: expected one of {expected}")
        }
        ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            format!("bad value `{value}` for `{argument}`: {}", cause.unwrap_or_default())
        }
        _ => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    format!("{what}\n  try `dynvm --help`")
}
