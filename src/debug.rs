//! `DYNVM_DEBUG`: the loader's events on stderr, by category, in the manner of `LD_DEBUG`.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use dynvm::loader::debug::CATEGORIES;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable.
pub const VARIABLE: &str = "DYNVM_DEBUG";

/// What `DYNVM_DEBUG` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Names of the categories to show.
    pub categories: Vec<&'static str>,
    /// Whether to list the categories and do nothing else.
    pub is_help: bool,
    /// Words that mean nothing.
    pub unknown: Vec<String>,
}

impl Request {
    /// Reads the value of the variable: words separated by commas, colons or blanks.
    #[must_use]
    pub fn parse(text: &str) -> Request {
        let mut request = Request::default();
        for word in text.split([',', ':', ' ']).filter(|word| !word.is_empty()) {
            let known = CATEGORIES.iter().map(|category| category.name);
            match word {
                "help" => request.is_help = true,
                "all" => request.categories = known.collect(),
                _ => match known.into_iter().find(|name| *name == word) {
                    Some(name) => request.categories.push(name),
                    None => request.unknown.push(word.to_owned()),
                },
            }
        }
        request
    }

    /// Shows the categories from here on.
    pub fn install(&self) {
        if !self.categories.is_empty() {
            let layer = DebugLayer { categories: self.categories.clone() };
            tracing_subscriber::registry().with(layer).init();
        }
    }
}

/// Writes the events of some categories, one line each.
struct DebugLayer {
    categories: Vec<&'static str>,
}

impl DebugLayer {
    fn is_shown(&self, metadata: &Metadata<'_>) -> bool {
        category(metadata).is_some_and(|category| self.categories.contains(&category))
    }
}

impl<S: Subscriber> Layer<S> for DebugLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_shown(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.is_shown(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let pid = std::process::id();
        let category = category(event.metadata()).unwrap_or_default();
        let mut lines = String::new();
        for line in text.0.lines() {
            writeln!(lines, "{pid:>10}:\t{category}: {line}").expect("a string takes all text");
        }
        // A reader that has gone away is no reason to stop the program.
        let _ = std::io::stderr().write_all(lines.as_bytes());
    }
}

/// The category of an event, if it is one of ours.
fn category(metadata: &Metadata<'_>) -> Option<&'static str> {
    let found = CATEGORIES.iter().find(|category| category.target == metadata.target())?;
    Some(found.name)
}

/// An event as text: its message, then its other fields.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.expect("a string takes all text");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, categories: &[&str], is_help: bool, unknown: &[&str]) {
        let request = Request::parse(text);
        assert_eq!(request.categories, categories, "{text}");
        assert_eq!(request.is_help, is_help, "{text}");
        assert_eq!(request.unknown, unknown, "{text}");
    }

    #[test]
    fn requests() {
        check("", &[], false, &[]);
        check("libs", &["libs"], false, &[]);
        check("libs,files:init reloc", &["libs", "files", "init", "reloc"], false, &[]);
        check("help", &[], true, &[]);
        check("libs,nonsense", &["libs"], false, &["nonsense"]);
        assert_eq!(Request::parse("all").categories.len(), CATEGORIES.len());
    }
}
