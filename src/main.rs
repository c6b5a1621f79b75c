//! The program `dynvm`: reads the command line, does what it says, ends with the right status.

mod cli;
mod debug;
mod failure;
mod run;
mod show;

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
        Err(error) if error.use_stderr() => Err(Failure::Usage(usage(&error))),
        Err(help) => print(&help.render()).map(|()| 0),
    }
}

/// clap's message in the style of ours.
fn usage(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
}
