//! Lazy compilation: a function is compiled when it is first called, by the baseline compiler. Other
//! threads optimize meanwhile: what is called or loops often, then what was called, what that calls,
//! and all else, the longest first.
//!
//! Other threads only compile. Where code goes, and when calls find it, is decided by the thread
//! that runs wasm, in the first call of some function or when baseline code has counted to its end:
//! so no thread meets half-written code.
//!
//! ```text
//!            first call              1,000 calls or 20,000 rounds
//! no code ──────────────► baseline ──────────────► it is the next to be optimized; when that is done,
//!                                                  its calls lead to the new code, and a loop that
//!                                                  counts to its end goes on in code of its own
//! ```

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::str::FromStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::baseline::Often;
use crate::compiler::{Compiler, Worker, has_loop};
use crate::error::CompileError;
use crate::unit::Unit;
use crate::vm::code::{Code, TrapCode};
use crate::vm::context::FuncId;
use crate::vm::instance::InstanceId;
use crate::vm::types::DefinedFuncIndex;
use crate::vm::{self, Process, Stop, Trap};

/// After how many functions the elements of tables are led to their code.
const REFRESH_FUNCTIONS: usize = 256;

/// What a function with a loop calls is compiled and placed together with it, if it is small: then
/// the calls go straight to the callee, not through its entry of the PLT. That saves 0.6 of 1.6 ns.
const SMALL_BYTES: usize = 256;
/// At most so many.
const TOGETHER_MAX: usize = 16;

/// With a function that is called first, baseline code is made of what it calls and of what that
/// calls, up to so many bytes of wasm: to place code takes as long as to make some.
const BASELINE_BYTES: usize = 4096;

/// What compiles a function that is called first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tiers {
    /// The baseline compiler; what turns out to run often is optimized.
    #[default]
    Both,
    /// The baseline compiler, wherever it can, for good: for tests.
    Baseline,
    /// The optimizing compiler.
    Optimizing,
    /// As `Both`, but what runs twice is optimized, by the thread that runs it: for tests.
    Hasty,
}

impl Tiers {
    /// What is often.
    fn often(self) -> Often {
        match self {
            Tiers::Hasty => Often { calls: 2, rounds: 2 },
            _ => Often { calls: 1000, rounds: 20_000 },
        }
    }
}

/// When functions are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompileTime {
    /// All of them before the first one runs.
    #[default]
    Eager,
    /// Each when it is first called, or before by a thread that has nothing else to do.
    Lazy(Tiers),
}

impl CompileTime {
    /// What may be asked for, and what it means.
    const ALL: [(&str, CompileTime); 5] = [
        ("lazy", CompileTime::Lazy(Tiers::Both)),
        ("eager", CompileTime::Eager),
        ("baseline", CompileTime::Lazy(Tiers::Baseline)),
        ("optimizing", CompileTime::Lazy(Tiers::Optimizing)),
        ("hasty", CompileTime::Lazy(Tiers::Hasty)),
    ];
}

impl FromStr for CompileTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = CompileTime::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, time)| *time).ok_or_else(|| {
            // The last is for tests.
            let names: Vec<String> =
                CompileTime::ALL[..4].iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// Compiles the functions of deferred instances.
pub struct LazyCompiler {
    shared: Arc<Shared>,
    tiers: Tiers,
    /// Of the thread that runs wasm; made when it first compiles something that is optimized.
    worker: Mutex<Option<Box<Worker>>>,
    /// How many threads compile ahead.
    threads: fn() -> usize,
}

/// What to do, and of which function.
type Work = (Task, Arc<Unit>, DefinedFuncIndex);

/// Code of some functions of an instance.
pub type SomeCode = Vec<(DefinedFuncIndex, Code)>;

/// What lazy compilation has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LazyStatistics {
    /// Functions of deferred instances.
    pub deferred: usize,
    /// Functions that were compiled by the optimizing compiler.
    pub compiled: usize,
    /// Functions that were compiled by the baseline compiler.
    pub baseline: usize,
    /// Loops that were optimized while they ran.
    pub loops: usize,
    /// First calls, which had to wait.
    pub first_calls: usize,
    /// How long they waited in all.
    pub waited: Duration,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Calls that were inlined.
    pub inlined: usize,
}

struct Shared {
    compiler: Arc<Compiler>,
    state: Mutex<State>,
    /// There is something to compile, or it is time to stop.
    work: Condvar,
    /// A function was compiled.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// By the number of their first function.
    instances: BTreeMap<u32, Deferred>,
    /// What to optimize before all else: it runs.
    hot: VecDeque<Task>,
    /// What to compile next.
    next: VecDeque<FuncId>,
    /// Compiled, and not placed yet.
    ready: Vec<(FuncId, Code)>,
    /// Loops that were found to go round often, by function and offset.
    loops: HashMap<(FuncId, u32), LoopCode>,
    /// What was compiled, where it is to be kept.
    kept: Option<BTreeMap<InstanceId, SomeCode>>,
    is_started: bool,
    has_threads: bool,
    is_stopped: bool,
    /// How many functions were placed since tables were refreshed.
    unrefreshed: usize,
    statistics: LazyStatistics,
}

/// What a thread that compiles ahead does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Function(FuncId),
    Loop(FuncId, u32),
}

/// How far the code is that a running loop is to go on in.
enum LoopCode {
    UnderWay,
    Ready(Code),
    /// Its address.
    Placed(usize),
    Failed,
}

/// An instance whose functions have code only when they are called.
struct Deferred {
    unit: Arc<Unit>,
    stages: Vec<Stage>,
    /// Which functions have baseline code, or cannot have any.
    has_baseline: Vec<bool>,
    /// Those that are not compiled ahead.
    aside: Vec<DefinedFuncIndex>,
    /// All others, the longest first, once something is compiled ahead.
    order: Option<Vec<u32>>,
    /// All before this position in `order` are taken.
    position: usize,
}

/// How far a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has taken it.
    Waiting,
    /// Some thread compiles it.
    UnderWay,
    /// It is compiled: ready, or placed.
    Compiled,
    /// It cannot be compiled; whoever calls it hears why.
    Failed,
}

impl LazyCompiler {
    /// Nothing is compiled before [`LazyCompiler::defer`]; then as many threads compile ahead as
    /// `threads` says, which is asked only if a function is compiled at all.
    #[must_use]
    pub fn new(compiler: Arc<Compiler>, tiers: Tiers, threads: fn() -> usize) -> Self {
        let shared = Shared {
            compiler,
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            done: Condvar::new(),
        };
        LazyCompiler { shared: Arc::new(shared), tiers, worker: Mutex::default(), threads }
    }

    /// Whether baseline code is of use.
    #[must_use]
    pub fn has_baseline(&self) -> bool {
        self.tiers != Tiers::Optimizing
    }

    /// From now on what is compiled is kept for [`LazyCompiler::take_kept`] too.
    pub fn keep(&self) {
        self.shared.lock().kept.get_or_insert_default();
    }

    /// The functions of a bound instance are compiled when they are called, but for those of
    /// `known`, whose code is to be published next, and those of `provisional`, of which baseline code
    /// is. Those of `aside` are not compiled ahead.
    ///
    /// # Errors
    /// If the system has no memory.
    pub fn defer(
        &self,
        process: &mut Process,
        unit: Unit,
        known: &[DefinedFuncIndex],
        provisional: &[DefinedFuncIndex],
        aside: &[DefinedFuncIndex],
    ) -> Result<(), vm::Error> {
        let id = unit.instance().id;
        process.defer(id)?;
        let bodies = &unit.instance().module.bodies;
        if bodies.is_empty() {
            return Ok(());
        }
        let mut stages = vec![Stage::Waiting; bodies.len()];
        known.iter().for_each(|func| stages[func.index()] = Stage::Compiled);
        let mut has_baseline = vec![false; bodies.len()];
        provisional.iter().for_each(|func| has_baseline[func.index()] = true);
        let deferred = bodies.len() - known.len() - provisional.len();
        let first = process.defined_func(id, DefinedFuncIndex(0));

        let mut state = self.shared.lock();
        state.statistics.deferred += deferred;
        let unit = Arc::new(unit);
        let aside = aside.to_vec();
        let deferred = Deferred { unit, stages, has_baseline, aside, order: None, position: 0 };
        state.instances.insert(first.0, deferred);
        drop(state);
        self.shared.work.notify_all();
        Ok(())
    }

    /// Starts the threads that compile ahead: when the first function is called that has no code,
    /// as a program of which the cache has all that it calls needs none.
    fn start_threads(&self) {
        if std::mem::replace(&mut self.shared.lock().is_started, true) {
            return;
        }
        let threads = match self.tiers {
            Tiers::Both | Tiers::Optimizing => (self.threads)(),
            Tiers::Baseline | Tiers::Hasty => 0,
        };
        let start = |number| {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name(format!("compile {number}"));
            thread.spawn(move || shared.compile_ahead()).is_ok()
        };
        // Where the system gives none, who calls a function compiles it, and optimizes it too.
        let started = (0..threads).filter(|number| start(*number)).count();
        self.shared.lock().has_threads = started > 0;
    }

    /// Forgets an instance that goes, and gives what was kept of it. What a thread compiles for it now
    /// is thrown away.
    pub fn forget(&self, id: InstanceId) -> SomeCode {
        let state = &mut *self.shared.lock();
        let mut gone = Vec::new();
        state.instances.retain(|first, deferred| {
            let stays = deferred.unit.instance().id != id;
            if !stays {
                gone.push(*first..*first + deferred.stages.len() as u32);
            }
            stays
        });
        let is_gone = |func: &FuncId| gone.iter().any(|range| range.contains(&func.0));
        state.ready.retain(|(func, _)| !is_gone(func));
        state.loops.retain(|(func, _), _| !is_gone(func));
        let mut kept = state.kept.as_mut().and_then(|kept| kept.remove(&id)).unwrap_or_default();
        keep_best(&mut kept);
        kept
    }

    /// Makes `func` have code: [`vm::Resolver::resolve`] for functions of deferred instances.
    ///
    /// # Errors
    /// If it cannot be compiled, or is of no deferred instance.
    pub fn first_call(&self, process: &mut Process, func: FuncId) -> Result<(), Stop> {
        let failed = |error: String| Stop::from(Trap::new(TrapCode::Host, error));
        let started = Instant::now();
        self.start_threads();
        for (id, code) in self.baseline(func) {
            process.publish_some(id, code);
        }
        // If there is no room for baseline code, there may be for better.
        let _ = process.link();
        if process.is_unresolved(func) {
            let callees = self.obtain(func).map_err(|error| failed(error.to_string()))?;
            for callee in callees {
                // If it cannot be compiled, who calls it hears why.
                let _ = self.obtain(callee);
            }
        }
        self.place_ready(process).map_err(|error| failed(error.to_string()))?;
        let statistics = &mut self.shared.lock().statistics;
        statistics.first_calls += 1;
        statistics.waited += started.elapsed();
        if process.is_unresolved(func) {
            return Err(failed(format!("`{}` has no code", process.func_name(func))));
        }
        Ok(())
    }

    /// Places what was compiled.
    fn place_ready(&self, process: &mut Process) -> Result<(), vm::Error> {
        let (ready, is_refresh_due) = {
            let mut state = self.shared.lock();
            let ready = std::mem::take(&mut state.ready);
            state.unrefreshed += ready.len();
            let is_due = state.unrefreshed >= REFRESH_FUNCTIONS;
            if is_due {
                state.unrefreshed = 0;
            }
            (self.shared.by_instance(&state, ready), is_due)
        };
        for (id, code) in ready {
            process.publish_some(id, code);
        }
        process.link()?;
        if is_refresh_due {
            process.refresh_elements();
        }
        Ok(())
    }

    /// Baseline code of a function that is called first, and of some that it calls. Nothing if it
    /// is to have, or has, better code.
    fn baseline(&self, func: FuncId) -> BTreeMap<InstanceId, SomeCode> {
        let mut codes = BTreeMap::<InstanceId, SomeCode>::new();
        if self.tiers == Tiers::Optimizing {
            return codes;
        }
        let mut bytes = 0;
        let mut waiting = VecDeque::from([func]);
        while let Some(func) = waiting.pop_front() {
            let taken = self.shared.lock().take_for_baseline(func);
            let Some((unit, index)) = taken else { continue };
            let Some(code) = self.shared.compiler.baseline(&unit, index, self.tiers.often()) else {
                continue;
            };
            bytes += unit.instance().module.bodies[index.index()].len();
            waiting.extend(code.relocations.iter().map(|relocation| relocation.target));
            let mut state = self.shared.lock();
            state.statistics.baseline += 1;
            state.statistics.code_bytes += code.bytes.len();
            // What tests ask for is of no use to others.
            if let Some(kept) = state.kept.as_mut().filter(|_| self.tiers == Tiers::Both) {
                kept.entry(unit.instance().id).or_default().push((index, code.clone()));
            }
            drop(state);
            codes.entry(unit.instance().id).or_default().push((index, code));
            if bytes >= BASELINE_BYTES {
                break;
            }
        }
        codes
    }

    /// What baseline code has been counted up: see [`vm::Resolver::hot`].
    fn optimize(&self, process: &mut Process, func: FuncId, in_loop: Option<u32>) -> Option<usize> {
        if self.tiers == Tiers::Baseline {
            return None;
        }
        self.start_threads();
        let is_alone = {
            let state = &mut *self.shared.lock();
            if let Some(offset) = in_loop {
                state.ask_for_loop(func, offset);
            }
            if state.stage(func) == Some(Stage::Waiting) {
                state.ask_for(Task::Function(func));
            }
            !state.has_threads
        };
        self.shared.work.notify_all();
        if is_alone {
            let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.do_all_hot(worker.get_or_insert_default());
        }
        // What cannot be placed is left where it is.
        self.place_ready(process).ok()?;
        let key = (func, in_loop?);
        let state = &mut *self.shared.lock();
        let code = match state.loops.get_mut(&key)? {
            LoopCode::Placed(address) => return Some(*address),
            LoopCode::Ready(code) => std::mem::take(code),
            LoopCode::UnderWay | LoopCode::Failed => return None,
        };
        let (first, deferred) = state.deferred(func)?;
        let id = deferred.unit.instance().id;
        let placed = process.place_aside(id, DefinedFuncIndex(func.0 - first), code).ok();
        state.loops.insert(key, placed.map_or(LoopCode::Failed, LoopCode::Placed));
        state.statistics.loops += usize::from(placed.is_some());
        placed
    }

    /// Compiles `func`, or waits for the thread that does. Gives the functions that it should be
    /// placed with.
    fn obtain(&self, func: FuncId) -> Result<Vec<FuncId>, CompileError> {
        let mut state = self.shared.lock();
        loop {
            match state.stage(func) {
                None | Some(Stage::Compiled) => return Ok(Vec::new()),
                Some(Stage::UnderWay) => {
                    state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Some(Stage::Waiting | Stage::Failed) => break,
            }
        }
        let (unit, index) = state.take(func);
        drop(state);
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let code = self.shared.compiler.compile_with(worker.get_or_insert_default(), &unit, index);
        drop(worker);
        let has_loop = has_loop(unit.instance(), index);
        let callees = self.shared.finish(func, &unit, code, true)?;
        Ok(if has_loop { callees } else { Vec::new() })
    }

    /// Nothing is compiled ahead any longer: threads end after the function that they compile.
    pub fn stop(&self) {
        self.shared.lock().is_stopped = true;
        self.shared.work.notify_all();
    }

    /// Everything that was compiled and not taken yet.
    pub fn take_kept(&self) -> BTreeMap<InstanceId, SomeCode> {
        let mut kept = self.shared.lock().kept.as_mut().map(std::mem::take).unwrap_or_default();
        kept.values_mut().for_each(keep_best);
        kept
    }

    /// What has been done so far.
    #[must_use]
    pub fn statistics(&self) -> LazyStatistics {
        self.shared.lock().statistics
    }
}

/// Leaves no provisional code of functions that have better.
fn keep_best(codes: &mut SomeCode) {
    let lasting = codes.iter().filter(|(_, code)| !code.is_provisional);
    let lasting: HashSet<DefinedFuncIndex> = lasting.map(|(func, _)| *func).collect();
    codes.retain(|(func, code)| !code.is_provisional || !lasting.contains(func));
}

impl Drop for LazyCompiler {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of the compiler leaves the state as it is between two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does that compiles ahead.
    fn compile_ahead(&self) {
        let mut worker = Worker::default();
        while let Some(work) = self.wait_for_work() {
            self.work_on(&mut worker, work);
        }
    }

    /// What was asked for, on the thread that asks.
    fn do_all_hot(&self, worker: &mut Worker) {
        loop {
            let Some(work) = self.lock().next_hot() else { return };
            self.work_on(worker, work);
        }
    }

    fn work_on(&self, worker: &mut Worker, (task, unit, index): Work) {
        match task {
            Task::Function(func) => {
                let code = self.compiler.compile_with(worker, &unit, index);
                // Who calls the function hears of the error.
                let _ = self.finish(func, &unit, code, false);
            }
            Task::Loop(func, offset) => {
                let code = self.compiler.compile_from_loop(worker, &unit, index, offset);
                self.finish_loop((func, offset), &unit, code.ok());
            }
        }
    }

    /// Takes over the code of a running loop, unless its instance has gone. If there is none, it
    /// goes on as it is.
    fn finish_loop(&self, key: (FuncId, u32), unit: &Arc<Unit>, code: Option<Code>) {
        let state = &mut *self.lock();
        let is_here =
            state.deferred(key.0).is_some_and(|(_, deferred)| Arc::ptr_eq(&deferred.unit, unit));
        if is_here && let Some(it) = state.loops.get_mut(&key) {
            *it = code.map_or(LoopCode::Failed, LoopCode::Ready);
        }
    }

    fn wait_for_work(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if let Some(work) = state.next_hot() {
                return Some(work);
            }
            if let Some(func) = state.next_func() {
                let (unit, index) = state.take(func);
                return Some((Task::Function(func), unit, index));
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes over what came of compiling `func`, unless its instance has gone. Gives the small
    /// functions that it calls and nobody has compiled.
    fn finish(
        &self,
        func: FuncId,
        unit: &Arc<Unit>,
        code: Result<Code, CompileError>,
        is_called: bool,
    ) -> Result<Vec<FuncId>, CompileError> {
        let state = &mut *self.lock();
        let Some((first, deferred)) = state.deferred_mut(func) else { return Ok(Vec::new()) };
        if !Arc::ptr_eq(&deferred.unit, unit) {
            return Ok(Vec::new());
        }
        let index = DefinedFuncIndex(func.0 - first);
        let stage = &mut deferred.stages[index.index()];
        *stage = if code.is_ok() { Stage::Compiled } else { Stage::Failed };
        self.done.notify_all();
        let code = code?;
        if let Some(kept) = &mut state.kept {
            kept.entry(unit.instance().id).or_default().push((index, code.clone()));
        }
        state.statistics.compiled += 1;
        state.statistics.code_bytes += code.bytes.len();
        state.statistics.inlined += code.inlined_calls as usize;
        let callees = state.waiting_callees(&code);
        state.expect(&callees, is_called);
        state.ready.push((func, code));
        self.work.notify_all();
        Ok(state.small(&callees))
    }

    fn by_instance(
        &self,
        state: &State,
        ready: Vec<(FuncId, Code)>,
    ) -> BTreeMap<InstanceId, SomeCode> {
        let mut instances = BTreeMap::<InstanceId, SomeCode>::new();
        for (func, code) in ready {
            if let Some((first, deferred)) = state.deferred(func) {
                let index = DefinedFuncIndex(func.0 - first);
                instances.entry(deferred.unit.instance().id).or_default().push((index, code));
            }
        }
        instances
    }
}

impl State {
    fn deferred(&self, func: FuncId) -> Option<(u32, &Deferred)> {
        let (first, deferred) = self.instances.range(..=func.0).next_back()?;
        ((func.0 - first) < deferred.stages.len() as u32).then_some((*first, deferred))
    }

    fn deferred_mut(&mut self, func: FuncId) -> Option<(u32, &mut Deferred)> {
        let (first, deferred) = self.instances.range_mut(..=func.0).next_back()?;
        ((func.0 - first) < deferred.stages.len() as u32).then_some((*first, deferred))
    }

    /// How far a function is; `None` if its instance is not deferred.
    fn stage(&self, func: FuncId) -> Option<Stage> {
        let (first, deferred) = self.deferred(func)?;
        Some(deferred.stages[(func.0 - first) as usize])
    }

    /// Marks a function as being compiled.
    fn take(&mut self, func: FuncId) -> (Arc<Unit>, DefinedFuncIndex) {
        let (first, deferred) = self.deferred_mut(func).expect("its stage was just looked at");
        let index = DefinedFuncIndex(func.0 - first);
        deferred.stages[index.index()] = Stage::UnderWay;
        (Arc::clone(&deferred.unit), index)
    }

    /// A function that has neither code nor baseline code, to be compiled now.
    fn take_for_baseline(&mut self, func: FuncId) -> Option<(Arc<Unit>, DefinedFuncIndex)> {
        let (first, deferred) = self.deferred_mut(func)?;
        let index = DefinedFuncIndex(func.0 - first);
        let is_wanted = matches!(deferred.stages[index.index()], Stage::Waiting | Stage::UnderWay)
            && !std::mem::replace(&mut deferred.has_baseline[index.index()], true);
        let unit = Arc::clone(&deferred.unit);
        if is_wanted {
            // It runs now: so it is among the next that are worth it.
            self.next.push_back(func);
        }
        is_wanted.then_some((unit, index))
    }

    fn ask_for(&mut self, task: Task) {
        if !self.hot.contains(&task) {
            self.hot.push_back(task);
        }
    }

    fn ask_for_loop(&mut self, func: FuncId, offset: u32) {
        if self.deferred(func).is_some() && !self.loops.contains_key(&(func, offset)) {
            self.loops.insert((func, offset), LoopCode::UnderWay);
            self.ask_for(Task::Loop(func, offset));
        }
    }

    /// The next of what runs.
    fn next_hot(&mut self) -> Option<Work> {
        while let Some(task) = self.hot.pop_front() {
            match task {
                Task::Function(func) if self.stage(func) == Some(Stage::Waiting) => {
                    let (unit, index) = self.take(func);
                    return Some((task, unit, index));
                }
                Task::Loop(func, offset) if self.loops.contains_key(&(func, offset)) => {
                    let Some((first, deferred)) = self.deferred(func) else { continue };
                    let index = DefinedFuncIndex(func.0 - first);
                    return Some((task, Arc::clone(&deferred.unit), index));
                }
                _ => {}
            }
        }
        None
    }

    /// What to compile ahead.
    fn next_func(&mut self) -> Option<FuncId> {
        while let Some(func) = self.next.pop_front() {
            if self.stage(func) == Some(Stage::Waiting) {
                return Some(func);
            }
        }
        self.instances
            .iter_mut()
            .find_map(|(first, deferred)| deferred.next().map(|at| (*first, at)))
            .map(|(first, at)| FuncId(first + at))
    }

    /// What `code` calls and nobody has taken.
    fn waiting_callees(&self, code: &Code) -> Vec<FuncId> {
        let callees = code.relocations.iter().map(|relocation| relocation.target);
        let mut seen = HashSet::new();
        callees
            .filter(|func| self.stage(*func) == Some(Stage::Waiting) && seen.insert(*func))
            .collect()
    }

    /// Callees are called soon: the sooner if the function that calls them is itself being called.
    fn expect(&mut self, callees: &[FuncId], is_called: bool) {
        if is_called {
            callees.iter().rev().for_each(|func| self.next.push_front(*func));
        } else {
            self.next.extend(callees);
        }
    }

    fn small(&self, callees: &[FuncId]) -> Vec<FuncId> {
        let is_small = |func: &FuncId| {
            self.deferred(*func).is_some_and(|(first, deferred)| {
                deferred.unit.instance().module.bodies[(func.0 - first) as usize].len()
                    <= SMALL_BYTES
            })
        };
        callees.iter().copied().filter(is_small).take(TOGETHER_MAX).collect()
    }
}

impl Deferred {
    /// The longest function that nobody has taken.
    fn next(&mut self) -> Option<u32> {
        let order = self.order.get_or_insert_with(|| {
            let bodies = &self.unit.instance().module.bodies;
            let all = 0..bodies.len() as u32;
            let ahead = all.filter(|index| !self.aside.contains(&DefinedFuncIndex(*index)));
            let mut order: Vec<u32> = ahead.collect();
            order.sort_by_key(|index| std::cmp::Reverse(bodies[*index as usize].len()));
            order
        });
        while let Some(index) = order.get(self.position) {
            if self.stages[*index as usize] == Stage::Waiting {
                return Some(*index);
            }
            self.position += 1;
        }
        None
    }
}

/// For processes whose functions are all of deferred instances.
impl vm::Resolver for LazyCompiler {
    fn resolve(&self, process: &mut Process, func: FuncId) -> Result<(), Stop> {
        self.first_call(process, func)
    }

    fn hot(&self, process: &mut Process, func: FuncId, in_loop: Option<u32>) -> Option<usize> {
        self.optimize(process, func, in_loop)
    }
}
