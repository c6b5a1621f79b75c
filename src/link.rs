//! `dynvm link`: a program and its libraries as one plain module.

use dynvm::Options;
use dynvm::relink;

use crate::cli;
use crate::failure::{Failure, say};
use crate::run::options;

/// Links a program and writes the module.
pub fn link(link: &cli::Link) -> Result<u8, Failure> {
    let code = cli::CodeOptions::default();
    let options = options(&link.search, &[], code)?;
    let mut options = Options { is_lazy: link.bind == cli::Bind::Lazy, ..options };
    options.preloads.extend(link.libraries.iter().cloned());
    options.stack_size_bytes = link.stack_size;
    let options = relink::Options {
        loader: options.linker()?,
        exports: link.exports.clone(),
        allows_dlfcn: link.allow_dlfcn,
    };
    let (bytes, summary) = relink::link(options, &link.program)?;
    relink::write(&link.output, &bytes)?;
    if link.stats {
        let relink::Summary { dsos, functions_read, functions_written, steps_left, bytes } =
            summary;
        say(&format_args!(
            "{dsos} modules, {functions_read} functions: {functions_written} functions, {bytes} \
             bytes; {steps_left} relocations left to the start"
        ));
    }
    Ok(0)
}
