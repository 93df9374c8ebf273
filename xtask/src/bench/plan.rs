// SPDX-License-Identifier: GPL-2.0-only

//! The measurements and the virtual machines that they run in.

use std::time::Duration;

use klp_host::kernel::Kernel;
use klp_host::vm::Spec;

/// The time limit of one measurement, on a slow and busy machine.
pub(super) const TIMEOUT: Duration = Duration::from_secs(1200);

/// The numbers of blocking tasks for the cost of an attempt: the cost per task is the difference in cost divided
/// by the difference in tasks.
pub(super) const ATTEMPT_TASKS: [u32; 2] = [10, 210];

/// The numbers of patched functions for the cost of an attempt.
pub(super) const ATTEMPT_FUNCTIONS: [u32; 2] = [1, 1000];

/// Memory in MiB for thousands of processes.
const MEMORY: u32 = 2048;

/// How many seconds a transition is blocked, and how many tasks sleep elsewhere meanwhile.
const BLOCKED: (u32, u32) = (60, 1000);

/// The extent of the measurements.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Numbers of functions to replace.
    pub functions: Vec<u32>,
    /// Numbers of sleeping tasks, each with the number of functions of the patch that is enabled then.
    tasks: Vec<(u32, u32)>,
    /// Numbers of tasks that sleep while latencies are measured.
    latency_tasks: Vec<u32>,
    /// How often each latency is measured.
    cycles: u32,
    /// Whether to include details that are rarely needed.
    details: bool,
    /// Whether to measure patches of many functions with as many traceable functions as Debian's kernel has.
    pub more_traceable: bool,
}

impl Plan {
    /// All measurements.
    pub fn full() -> Self {
        Self {
            functions: vec![1, 10, 100, 1000],
            tasks: vec![(1000, 1000), (5000, 1000)],
            latency_tasks: vec![10, 100, 1000, 5000],
            cycles: 20,
            details: true,
            more_traceable: false,
        }
    }

    /// A subset that takes less than three minutes for both cores.
    pub fn quick() -> Self {
        Self {
            functions: vec![1, 1000],
            tasks: vec![(1000, 100)],
            latency_tasks: vec![10, 1000],
            cycles: 3,
            details: false,
            more_traceable: false,
        }
    }

    /// The measurements with counted instructions. The longest come first, so that none runs alone at
    /// the end.
    pub(super) fn counted(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for &(tasks, functions) in self.tasks.iter().rev() {
            jobs.push(Job::counted(format!("tasks.sh {tasks} {functions}")));
        }
        let more = if self.more_traceable { "--more " } else { "" };
        jobs.push(Job::counted(format!(
            "functions.sh {more}{}",
            words(&self.functions)
        )));
        if self.details {
            for functions in ATTEMPT_FUNCTIONS.iter().rev() {
                for tasks in ATTEMPT_TASKS.iter().rev() {
                    jobs.push(Job::counted(format!("attempt.sh {tasks} {functions}")));
                }
            }
            let (seconds, tasks) = BLOCKED;
            jobs.push(Job::counted(format!("blocked.sh {seconds} {tasks}")));
            jobs.push(Job {
                kernel_parameters: vec!["livepatch.jumps=0".to_owned()],
                ..Job::counted("calls.sh handler")
            });
            jobs.push(Job::counted("memory.sh 200 1000"));
        }
        jobs.push(Job::counted("calls.sh"));
        jobs
    }

    /// The measurements in real time.
    pub(super) fn timed(&self) -> Job {
        let tasks = words(&self.latency_tasks);
        Job::parallel(format!("latency.sh {} {tasks}", self.cycles), TIMEOUT)
    }
}

/// Formats numbers as a script's arguments.
fn words(numbers: &[u32]) -> String {
    let words: Vec<_> = numbers.iter().map(u32::to_string).collect();
    words.join(" ")
}

/// One measurement, in a separate boot.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// A script of `tests/bench/guest/`, with its arguments.
    pub(super) command: String,
    /// Whether virtual time counts instructions. Otherwise two CPUs run in parallel.
    counted: bool,
    kernel_parameters: Vec<String>,
    timeout: Duration,
}

impl Job {
    fn counted(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            counted: true,
            kernel_parameters: Vec::new(),
            timeout: TIMEOUT,
        }
    }

    pub(super) fn parallel(command: impl Into<String>, timeout: Duration) -> Self {
        Self {
            counted: false,
            timeout,
            ..Self::counted(command)
        }
    }

    /// The machine that runs the script from the folder `guest`.
    pub(super) fn spec(&self, kernel: &Kernel, guest: &str) -> Spec {
        self.configure(kernel.spec(self.script(guest)))
    }

    fn script(&self, guest: &str) -> String {
        format!("bash {guest}/{}", self.command)
    }

    fn configure(&self, spec: Spec) -> Spec {
        Spec {
            icount: self.counted,
            parallel: !self.counted,
            kernel_parameters: self.kernel_parameters.clone(),
            timeout: self.timeout,
            memory: MEMORY,
            ..spec
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(plan: &Plan) -> Vec<String> {
        let counted = plan.counted().into_iter().chain([plan.timed()]);
        counted.map(|job| job.command).collect()
    }

    #[test]
    fn full_plan_has_all_measurements() {
        assert_eq!(
            commands(&Plan::full()),
            [
                "tasks.sh 5000 1000",
                "tasks.sh 1000 1000",
                "functions.sh 1 10 100 1000",
                "attempt.sh 210 1000",
                "attempt.sh 10 1000",
                "attempt.sh 210 1",
                "attempt.sh 10 1",
                "blocked.sh 60 1000",
                "calls.sh handler",
                "memory.sh 200 1000",
                "calls.sh",
                "latency.sh 20 10 100 1000 5000",
            ]
        );
    }

    #[test]
    fn more_traceable_functions_are_only_for_large_patches() {
        let plan = Plan {
            more_traceable: true,
            ..Plan::quick()
        };
        let commands = commands(&plan);
        let more = commands.iter().filter(|it| it.contains("--more"));
        assert_eq!(more.collect::<Vec<_>>(), ["functions.sh --more 1 1000"]);
    }

    #[test]
    fn quick_plan_has_fewer_measurements() {
        let [full, quick] = [Plan::full(), Plan::quick()].map(|plan| commands(&plan).len());
        assert!(quick < full, "{quick} of {full}");
    }

    #[test]
    fn jobs_count_instructions_or_run_in_real_time() {
        let plan = Plan::full();
        for job in plan.counted() {
            let spec = job.configure(Spec::new("image".as_ref(), job.script("/klp")));
            assert!(spec.icount && !spec.parallel, "{}", job.command);
        }
        let timed = plan.timed();
        let spec = timed.configure(Spec::new("image".as_ref(), timed.script("/klp")));
        assert!(spec.parallel && !spec.icount);
        assert_eq!(spec.command, "bash /klp/latency.sh 20 10 100 1000 5000");
    }
}
