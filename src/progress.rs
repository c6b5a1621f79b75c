//! What the user sees while much is compiled before the program starts: a bar on the terminal, once
//! it has taken a second.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dynvm::loader::{Compiled, Progress};
use indicatif::{ProgressBar, ProgressStyle};

/// Who waits less sees nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows progress on stderr; `None` where that is no terminal.
pub fn progress() -> Option<Progress> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let started = Instant::now();
    let bar = Mutex::new(None);
    Some(Progress(Arc::new(move |compiled: &Compiled<'_>| {
        let bar = &mut *bar.lock().unwrap_or_else(PoisonError::into_inner);
        show(bar, started, compiled);
    })))
}

fn show(bar: &mut Option<ProgressBar>, started: Instant, compiled: &Compiled<'_>) {
    if compiled.functions == compiled.functions_all {
        if let Some(bar) = bar.take() {
            bar.finish_and_clear();
        }
        return;
    }
    if bar.is_none() && started.elapsed() < PATIENCE {
        return;
    }
    let bar = bar.get_or_insert_with(|| {
        let template = "compiling {msg} {bar:30} {pos}/{len} functions";
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        ProgressBar::new(0).with_style(style)
    });
    if bar.message() != compiled.dso {
        bar.set_message(compiled.dso.to_owned());
    }
    bar.set_length(compiled.functions_all as u64);
    bar.set_position(compiled.functions as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(elapsed: Duration, functions: usize, is_shown: bool) {
        let mut bar = None;
        let compiled = Compiled { dso: "libx.so", functions, functions_all: 100 };
        let started = Instant::now().checked_sub(elapsed).expect("the machine runs that long");
        show(&mut bar, started, &compiled);
        assert_eq!(bar.is_some(), is_shown);
        if let Some(bar) = bar {
            let shown = (bar.message(), bar.position(), bar.length());
            assert_eq!(shown, ("libx.so".to_owned(), functions as u64, Some(100)));
        }
    }

    #[test]
    fn a_bar_appears_after_a_second_and_goes_at_the_end() {
        check(Duration::ZERO, 50, false);
        check(Duration::from_secs(2), 50, true);
        check(Duration::from_secs(2), 100, false);
    }
}
