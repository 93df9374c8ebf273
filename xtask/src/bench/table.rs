// SPDX-License-Identifier: GPL-2.0-only

//! Tables of the figures: both livepatch cores side by side, with goals.

use std::fmt::Write as _;

use klp_host::kernel::Core;

use super::figures::{Column, Figures, grouped, readable, short};

/// A table.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Section {
    Calls,
    Functions,
    Background,
    Tasks,
    Waiting,
    Latency,
    Memory,
    Other,
}

impl Section {
    pub const ALL: [Self; 8] = [
        Self::Calls,
        Self::Functions,
        Self::Background,
        Self::Tasks,
        Self::Waiting,
        Self::Latency,
        Self::Memory,
        Self::Other,
    ];

    /// The table's name in its marker.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Functions => "functions",
            Self::Background => "background",
            Self::Tasks => "tasks",
            Self::Waiting => "waiting",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Other => "other",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Calls => "Instructions of a call",
            Self::Functions => "Patches of many functions (counted instructions)",
            Self::Background => "Deferred to kernel workers (counted instructions)",
            Self::Tasks => "Many tasks (counted instructions)",
            Self::Waiting => "Blocked transitions (counted instructions)",
            Self::Latency => "Latency of transitions (real time, two CPUs, medians)",
            Self::Memory => "Memory and size",
            Self::Other => "Other",
        }
    }
}

/// The goal for klp-core's figure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    None,
    AtMost(f64),
    /// At most the C core's figure.
    AtMostC,
    /// At most this many times the figure for one function.
    TimesOne(f64),
}

/// A figure's row.
#[derive(Debug)]
struct Row<'a> {
    name: &'a str,
    section: Section,
    /// The order within the section.
    rank: (usize, u32, u32),
    what: String,
    goal: Goal,
}

/// Calls, in the order of the table.
const CALLS: [(&str, &str, Goal); 10] = [
    (
        "call-plain",
        "a call in a loop, nothing patched",
        Goal::None,
    ),
    ("call-settled", "more: settled", Goal::AtMost(2.0)),
    (
        "call-original",
        "more: settled, and the replacement calls the original",
        Goal::None,
    ),
    (
        "call-of-original",
        "the same, compared with a replacement in Rust that does not",
        Goal::AtMost(3.0),
    ),
    (
        "call-stacked",
        "more: settled, three patches on top of each other",
        Goal::AtMost(2.0),
    ),
    (
        "call-handler",
        "more: settled, without jumps (`livepatch.jumps=0`)",
        Goal::None,
    ),
    (
        "call-transition",
        "more: in transition, a task that has switched",
        Goal::AtMostC,
    ),
    (
        "call-transition-old",
        "more: in transition, a task that has not",
        Goal::AtMostC,
    ),
    (
        "call-noop",
        "more: in transition to a patch that restores the original",
        Goal::AtMostC,
    ),
    (
        "view-read",
        "a replacement reads a member of a view",
        Goal::AtMost(1.0),
    ),
];

/// Figures whose names contain no numbers.
const PLAIN: [(&str, Section, &str, Goal); 15] = [
    (
        "attempt-task-1",
        Section::Waiting,
        "an attempt, for each task; patch of 1 function",
        Goal::None,
    ),
    (
        "attempt-task-1000",
        Section::Waiting,
        "an attempt, for each task; patch of 1,000 functions",
        Goal::None,
    ),
    (
        "attempt-task-function",
        Section::Waiting,
        "of it, for each function",
        Goal::None,
    ),
    (
        "blocked-workers",
        Section::Waiting,
        "kernel workers' CPU time while a task blocks a transition",
        Goal::AtMost(1.0),
    ),
    (
        "idle-workers",
        Section::Waiting,
        "kernel workers' CPU time while nothing happens",
        Goal::None,
    ),
    (
        "memory-200",
        Section::Memory,
        "kernel objects for each patched function, of 200",
        Goal::None,
    ),
    (
        "memory-1000",
        Section::Memory,
        "kernel objects for each patched function, of 1,000",
        Goal::None,
    ),
    (
        "areas-200",
        Section::Memory,
        "areas of kernel memory, 200 functions patched",
        Goal::None,
    ),
    (
        "areas-1000",
        Section::Memory,
        "areas of kernel memory, 1,000 functions patched",
        Goal::None,
    ),
    (
        "core-text",
        Section::Memory,
        "the core in the kernel: code",
        Goal::None,
    ),
    (
        "core-data",
        Section::Memory,
        "the core in the kernel: data",
        Goal::None,
    ),
    (
        "module-c-text",
        Section::Memory,
        "a patch module of one function in C: code",
        Goal::None,
    ),
    (
        "module-c-data",
        Section::Memory,
        "the same: data",
        Goal::None,
    ),
    (
        "module-rust-text",
        Section::Memory,
        "a patch module of one function in Rust: code",
        Goal::None,
    ),
    (
        "module-rust-data",
        Section::Memory,
        "the same: data",
        Goal::None,
    ),
];

/// Operations on patches of many functions.
const FUNCTIONS: [(&str, &str); 5] = [
    ("enable", "enable"),
    ("load", "load and enable"),
    ("replace", "replace"),
    ("reload", "load and replace"),
    ("disable", "disable"),
];

/// Directions of transitions, and the load of the machine.
const LATENCY: [(&str, &str, &str); 4] = [
    ("patching", "idle", "patching, idle machine"),
    ("unpatching", "idle", "unpatching, idle machine"),
    ("patching", "load", "patching, under load"),
    ("unpatching", "load", "unpatching, under load"),
];

/// The goal for a transition on an idle machine.
const IDLE_GOAL_NS: f64 = 20e6;

/// The goal for a large patch on a machine with many tasks.
const TASKS_GOAL_NS: f64 = 1e9;

/// The numbers of functions and tasks with a goal.
const MANY_FUNCTIONS: u32 = 1000;
const MANY_TASKS: u32 = 5000;

impl<'a> Row<'a> {
    /// The row of a known figure.
    fn known(name: &'a str) -> Option<Self> {
        Self::fixed(name).or_else(|| Self::numbered(name))
    }

    /// The row of a figure whose name contains no variable number.
    fn fixed(name: &'a str) -> Option<Self> {
        let calls = CALLS.map(|(name, what, goal)| (name, Section::Calls, what, goal));
        let mut rows = calls.into_iter().chain(PLAIN).enumerate();
        let (rank, (_, section, what, goal)) = rows.find(|(_, row)| row.0 == name)?;
        Some(Self {
            name,
            section,
            rank: (rank, 0, 0),
            what: what.to_owned(),
            goal,
        })
    }

    fn numbered(name: &'a str) -> Option<Self> {
        let words: Vec<_> = name.split('-').collect();
        match *words.as_slice() {
            ["enable", functions, "tasks", tasks] => {
                let (functions, tasks) = (functions.parse().ok()?, tasks.parse().ok()?);
                Some(Self {
                    name,
                    section: Section::Tasks,
                    rank: (0, tasks, functions),
                    what: format!(
                        "enable {}, {} sleeping tasks",
                        counted(functions),
                        grouped(tasks.into())
                    ),
                    goal: if (functions, tasks) == (MANY_FUNCTIONS, MANY_TASKS) {
                        Goal::AtMost(TASKS_GOAL_NS)
                    } else {
                        Goal::None
                    },
                })
            }
            ["after", done, functions] => {
                let rank = FUNCTIONS.iter().position(|(what, _)| *what == done)?;
                let functions = functions.parse().ok()?;
                Some(Self {
                    name,
                    section: Section::Background,
                    rank: (rank, functions, 0),
                    what: format!("after: {} {}", FUNCTIONS[rank].1, counted(functions)),
                    goal: Goal::None,
                })
            }
            [direction, machine, tasks] => {
                let rank = LATENCY
                    .iter()
                    .position(|latency| (latency.0, latency.1) == (direction, machine))?;
                let tasks = tasks.parse().ok()?;
                Some(Self {
                    name,
                    section: Section::Latency,
                    rank: (rank, tasks, 0),
                    what: format!("{}, {} tasks", LATENCY[rank].2, grouped(tasks.into())),
                    goal: if machine == "idle" {
                        Goal::AtMost(IDLE_GOAL_NS)
                    } else {
                        Goal::None
                    },
                })
            }
            [done, functions] => {
                let rank = FUNCTIONS.iter().position(|(what, _)| *what == done)?;
                let functions = functions.parse().ok()?;
                Some(Self {
                    name,
                    section: Section::Functions,
                    rank: (rank, functions, 0),
                    what: format!("{} {}", FUNCTIONS[rank].1, counted(functions)),
                    goal: if functions == MANY_FUNCTIONS {
                        Goal::TimesOne(3.0)
                    } else {
                        Goal::None
                    },
                })
            }
            _ => None,
        }
    }

    /// The row of any figure. An unknown one is shown by its name.
    fn new(name: &'a str) -> Self {
        Self::known(name).unwrap_or_else(|| Self {
            name,
            section: Section::Other,
            rank: (0, 0, 0),
            what: name.to_owned(),
            goal: Goal::None,
        })
    }

    /// Formats the goal, and whether it was met.
    fn verdict(&self, figures: &Figures) -> String {
        let rust = figures.column(Core::Rust);
        let unit = || Some(rust?.figure(self.name)?.unit.as_str());
        let (text, limit) = match self.goal {
            Goal::None => return String::new(),
            Goal::AtMost(limit) => (
                unit().map_or(String::new(), |unit| readable(limit, unit)),
                Some(limit),
            ),
            Goal::AtMostC => (
                "C's".to_owned(),
                figures.column(Core::C).and_then(|c| c.value(self.name)),
            ),
            Goal::TimesOne(factor) => {
                let one = self
                    .name
                    .rsplit_once('-')
                    .map(|(what, _)| format!("{what}-1"));
                let one = one.and_then(|one| rust?.value(&one));
                (
                    format!("{factor} times 1 function"),
                    one.map(|one| factor * one),
                )
            }
        };
        match (rust.and_then(|rust| rust.value(self.name)), limit) {
            (Some(value), Some(limit)) if value <= limit => format!("{text}: met"),
            (Some(_), Some(_)) => format!("{text}: **missed**"),
            _ => text,
        }
    }
}

fn counted(functions: u32) -> String {
    match functions {
        1 => "1 function".to_owned(),
        many => format!("{} functions", grouped(many.into())),
    }
}

/// Whether a figure is not shown, because it only serves to compute others: `attempt-TASKS-FUNCTIONS`.
fn is_intermediate(name: &str) -> bool {
    let numbers = name.strip_prefix("attempt-");
    numbers.is_some_and(|numbers| numbers.split('-').all(|word| word.parse::<u32>().is_ok()))
}

/// The table of one section, in Markdown; `None` if it has no figures.
pub fn table(figures: &Figures, section: Section) -> Option<String> {
    let names = figures.names().into_iter();
    let mut rows: Vec<_> = names
        .filter(|name| !is_intermediate(name))
        .map(Row::new)
        .collect();
    rows.retain(|row| row.section == section);
    rows.sort_by_key(|row| row.rank);
    if rows.is_empty() {
        return None;
    }
    let rust = figures.column(Core::Rust);
    let both = figures.column(Core::C).zip(rust);
    let goals = rust.is_some() && rows.iter().any(|row| row.goal != Goal::None);
    let mut lines = vec![line(
        "what",
        figures.kernels.iter().map(|kernel| title(&kernel.core)),
        both.map(|_| "C / Rust"),
        goals.then_some("goal for Rust"),
    )];
    let columns = lines[0].matches(" |").count();
    lines.push(format!("|{}", " --- |".repeat(columns)));
    for row in rows {
        let cells = figures.kernels.iter().map(|kernel| {
            let figure = kernel.figure(row.name);
            figure.map_or("-".to_owned(), |figure| figure.readable())
        });
        lines.push(line(
            &row.what,
            cells,
            both.map(|(c, rust)| ratio(c, rust, row.name)).as_deref(),
            goals.then(|| row.verdict(figures)).as_deref(),
        ));
    }
    Some(lines.join("\n") + "\n")
}

fn line(
    what: &str,
    kernels: impl Iterator<Item = String>,
    ratio: Option<&str>,
    goal: Option<&str>,
) -> String {
    let mut line = format!("| {what} |");
    let rest = ratio.into_iter().chain(goal).map(str::to_owned);
    for cell in kernels.chain(rest) {
        let _ = write!(line, " {cell} |");
    }
    line
}

fn title(core: &str) -> String {
    match core {
        "c" => "C".to_owned(),
        "rust" => "Rust".to_owned(),
        other => other.to_owned(),
    }
}

/// Formats the ratio of the C core's figure to klp-core's. Less than a tenth is shown as `1 / N`.
fn ratio(c: &Column, rust: &Column, name: &str) -> String {
    match (c.value(name), rust.value(name)) {
        (Some(c), Some(rust)) if rust == 0.0 || c == 0.0 => "-".to_owned(),
        (Some(c), Some(rust)) if 10.0 * c < rust => format!("1 / {}", short(rust / c)),
        (Some(c), Some(rust)) => short(c / rust),
        _ => "-".to_owned(),
    }
}

/// All tables, with titles.
pub fn all(figures: &Figures) -> String {
    let mut text = String::new();
    for section in Section::ALL {
        if let Some(table) = table(figures, section) {
            let _ = write!(text, "\n{}\n\n{table}", section.title());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::figures::Figure;
    use super::*;

    fn column(core: &str, lines: &[&str]) -> Column {
        Column {
            core: core.to_owned(),
            release: "7.2.12".to_owned(),
            figures: lines
                .iter()
                .map(|line| Figure::parse(&format!("@figure {line}")).expect(line))
                .collect(),
        }
    }

    fn figures(c: &[&str], rust: &[&str]) -> Figures {
        Figures {
            whole: false,
            kernels: vec![column("c", c), column("rust", rust)],
        }
    }

    #[test]
    fn cores_side_by_side() {
        let figures = figures(
            &["disable-10 ns 2000000000", "disable-1 ns 100000000"],
            &[
                "after-disable-10 ns 1000000",
                "disable-1 ns 4000000",
                "patching-idle-10 ns 8000000 9000000",
            ],
        );
        assert_eq!(
            table(&figures, Section::Functions).expect("a table"),
            "| what | C | Rust | C / Rust |\n\
             | --- | --- | --- | --- |\n\
             | disable 1 function | 100 ms | 4.00 ms | 25.0 |\n\
             | disable 10 functions | 2.00 s | - | - |\n\
"
        );
        assert!(
            table(&figures, Section::Background)
                .expect("a table")
                .ends_with("| after: disable 10 functions | - | 1.00 ms | - |\n")
        );
        assert_eq!(
            table(&figures, Section::Latency).expect("a table"),
            "| what | C | Rust | C / Rust | goal for Rust |\n\
             | --- | --- | --- | --- | --- |\n\
             | patching, idle machine, 10 tasks | - | 8.00 ms (worst 9.00 ms) | - | 20.0 ms: met |\n"
        );
        assert_eq!(table(&figures, Section::Calls), None);
        assert!(all(&figures).starts_with("\nPatches of many functions"));
    }

    #[test]
    fn one_core_has_no_ratio() {
        let figures = Figures {
            whole: false,
            kernels: vec![column("c", &["call-settled instructions 80"])],
        };
        assert_eq!(
            table(&figures, Section::Calls).expect("a table"),
            "| what | C |\n| --- | --- |\n| more: settled | 80 instructions |\n"
        );
    }

    #[test]
    fn goals_are_met_or_missed() {
        let verdict = |c: &[&str], rust: &[&str], name: &str| {
            Row::known(name).expect("known").verdict(&figures(c, rust))
        };
        let calls = "call-settled instructions";
        let settled = |value: u32| verdict(&[], &[&format!("{calls} {value}")], "call-settled");
        assert_eq!(settled(2), "2 instructions: met");
        assert_eq!(settled(3), "2 instructions: **missed**");
        assert_eq!(
            verdict(
                &["call-noop instructions 82"],
                &["call-noop instructions 83"],
                "call-noop"
            ),
            "C's: **missed**"
        );
        assert_eq!(
            verdict(&[], &["call-noop instructions 83"], "call-noop"),
            "C's"
        );
        let many = |value: u32| {
            let rust = ["replace-1 ns 10", &format!("replace-1000 ns {value}")];
            verdict(&[], &rust, "replace-1000")
        };
        assert_eq!(many(30), "3 times 1 function: met");
        assert_eq!(many(31), "3 times 1 function: **missed**");
        assert_eq!(
            verdict(
                &[],
                &["enable-1000-tasks-5000 ns 1000000001"],
                "enable-1000-tasks-5000"
            ),
            "1.00 s: **missed**"
        );
    }

    #[test]
    fn ratios() {
        let ratio = |c: f64, rust: f64| {
            let column = |core, value| column(core, &[&format!("a kB {value}")]);
            ratio(&column("c", c), &column("rust", rust), "a")
        };
        assert_eq!(ratio(30.0, 20.0), "1.50");
        assert_eq!(ratio(2.0, 20.0), "0.10");
        assert_eq!(ratio(2.0, 250.0), "1 / 125");
        assert_eq!(ratio(0.0, 1.0), "-");
        assert_eq!(ratio(1.0, 0.0), "-");
    }

    #[test]
    fn unknown_figures_are_shown_by_name() {
        let lines = ["strange-thing kB 3", "load-x ns 1", "attempt-10-1 ns 5"];
        let figures = figures(&lines, &[]);
        let table = table(&figures, Section::Other).expect("a table");
        assert!(
            table.contains("| strange-thing | 3 kB | - | - |"),
            "{table}"
        );
        assert!(!table.contains("attempt"), "{table}");
        assert!(table.contains("| load-x | 0.00 µs | - | - |"), "{table}");
    }
}
