//! The same graphs as C, compiled by gcc and opened by the system's `ld.so`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rayon::prelude::*;

use super::{Graph, Library};
use crate::Result;

/// The program that opens libraries and says how long it took, in nanoseconds.
const DRIVER: &str = r#"#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
static void *open_or_die(const char *path) {
    void *handle = dlopen(path, RTLD_NOW);
    if (!handle) { fprintf(stderr, "%s\n", dlerror()); exit(1); }
    return handle;
}
int main(int argc, char **argv) {
    const char *how = argv[1], *path = argv[2], *symbol = argv[3];
    int count = atoi(argv[4]);
    if (!strcmp(how, "load")) {
        double start = now();
        void *handle = open_or_die(path);
        double end = now();
        int (*sum)(int) = (int (*)(int))dlsym(handle, symbol);
        printf("%.0f %d\n", end - start, sum(7));
    } else if (!strcmp(how, "symbols")) {
        void *handle = open_or_die(path);
        char (*names)[24] = malloc(count * sizeof *names);
        for (int i = 0; i < count; i++) snprintf(names[i], sizeof names[i], "%s%d", symbol, i);
        size_t sum = 0;
        for (int i = 0; i < count; i++) sum += (size_t)dlsym(handle, names[i]);
        double start = now();
        for (int i = 0; i < count; i++) sum += (size_t)dlsym(handle, names[i]);
        printf("%.0f %d\n", (now() - start) / count, sum == 0);
    } else {
        double start = now();
        for (int i = 0; i < count; i++) dlclose(open_or_die(path));
        printf("%.0f 0\n", (now() - start) / count);
    }
    return 0;
}
"#;

/// Opens graphs with the system's `ld.so`.
pub struct Native {
    dir: PathBuf,
}

impl Native {
    /// Writes and compiles graphs into folders of `dir`.
    ///
    /// # Errors
    /// If gcc is missing or fails.
    pub fn new(dir: &Path, graphs: &[Graph]) -> Result<Native> {
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("driver.c"), DRIVER)?;
        gcc(dir, &["-O2", "driver.c", "-o", "driver", "-ldl"])?;
        for graph in graphs {
            build(graph, &dir.join(graph.folder()))?;
        }
        Ok(Native { dir: dir.to_owned() })
    }

    /// Time to open a graph in a new process.
    ///
    /// # Errors
    /// If it cannot be opened, or a call through it gives another result than it should.
    pub fn load(&self, graph: &Graph) -> Result<Duration> {
        let symbol = super::wasm::sum_name(graph.libraries.len() - 1);
        let (time, sum) = self.drive(graph, ["load", "./main.so", &symbol, "1"])?;
        let expected = i64::from(graph.sum(7).cast_signed());
        if sum != expected {
            let name = graph.name;
            return Err(format!("{name}: expected {expected} natively, found {sum}").into());
        }
        Ok(time)
    }

    /// Time of one `dlsym`, averaged over every function of the graph's first library.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn look_up(&self, graph: &Graph) -> Result<Duration> {
        let count = graph.libraries[0].exports.to_string();
        Ok(self.drive(graph, ["symbols", "./l0.so", "l0_f", &count])?.0)
    }

    /// Time of opening and closing the graph's first library once, averaged.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn open_close(&self, graph: &Graph, cycles: u32) -> Result<Duration> {
        Ok(self.drive(graph, ["cycle", "./l0.so", "-", &cycles.to_string()])?.0)
    }

    fn drive(&self, graph: &Graph, arguments: [&str; 4]) -> Result<(Duration, i64)> {
        let mut command = Command::new(self.dir.join("driver"));
        command.args(arguments).current_dir(self.dir.join(graph.folder()));
        let output = command.output()?;
        if !output.status.success() {
            return Err(format!("driver: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let (time, result) = text.trim().split_once(' ').ok_or("the driver says nothing")?;
        Ok((Duration::from_nanos(time.parse()?), result.parse()?))
    }
}

/// Compiles all objects, then links them in order, which gcc needs: a library after what it needs.
fn build(graph: &Graph, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let last = graph.libraries.len() - 1;
    (0..=last).into_par_iter().try_for_each(|position| -> Result<()> {
        let source = format!("l{position}.c");
        std::fs::write(dir.join(&source), text(position, &graph.libraries[position]))?;
        gcc(dir, &["-O1", "-fPIC", "-c", &source])
    })?;
    for (position, library) in graph.libraries.iter().enumerate() {
        let output =
            if position == last { "main.so".to_owned() } else { format!("l{position}.so") };
        let object = format!("l{position}.o");
        let needed: Vec<String> = library.needed.iter().map(|it| format!("l{it}.so")).collect();
        let mut arguments = vec!["-shared", "-nostdlib", "-Wl,--no-as-needed,-rpath,$ORIGIN"];
        arguments.extend(["-o", &output, &object]);
        arguments.extend(needed.iter().map(String::as_str));
        gcc(dir, &arguments)?;
    }
    Ok(())
}

fn gcc(dir: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("gcc").args(arguments).current_dir(dir).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("gcc: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn text(position: usize, library: &Library) -> String {
    let mut text = String::new();
    let mut sum = String::from("0u");
    for (definer, function) in &library.imports {
        let _ = writeln!(text, "extern int l{definer}_f{function}(int);");
        let _ = write!(sum, "\n + (unsigned)l{definer}_f{function}(x)");
    }
    for function in 0..library.exports {
        let _ = writeln!(text, "int l{position}_f{function}(int x) {{ return x + {function}; }}");
    }
    let _ =
        writeln!(text, "int {}(int x) {{ return (int)({sum}); }}", super::wasm::sum_name(position));
    text
}
