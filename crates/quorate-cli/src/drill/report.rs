//! What the drill did: a step, whether it went as it must, what was seen, how long it took.

use std::time::Instant;

use serde::Serialize;

use super::trouble::Trouble;
use crate::{
    failure::Failure,
    output::{Output, row, table},
};

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) step: String,
    pub(super) passed: bool,
    pub(super) result: String,
    pub(super) milliseconds: u128,
}

/// All lines so far.
#[derive(Debug)]
pub(super) struct Report {
    steps: Vec<Step>,
    start: Instant,
    output: Output,
}

impl Report {
    pub(super) fn new(output: Output) -> Self {
        Self { steps: Vec::new(), start: Instant::now(), output }
    }

    /// Carries out a step and notes how it went. The value is there if it went well.
    pub(super) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<(T, String), Trouble>) -> Option<T> {
        let start = Instant::now();
        let spinner = self.output.spinner(name);
        let done = work();
        drop(spinner);
        let (value, passed, result) = match done {
            Ok((value, result)) => (Some(value), true, result),
            Err(trouble) => (None, false, trouble.message()),
        };
        let step = Step { step: name.to_owned(), passed, result, milliseconds: start.elapsed().as_millis() };
        // The table at the end has everything.
        self.output.note(&format!("{}  {}", mark(passed), step.step));
        self.steps.push(step);
        value
    }

    /// Text between the steps, for people.
    pub(super) fn tell(&self, text: &str) {
        drop(self.output.tell(text));
    }

    /// The table, and the verdict.
    pub(super) fn finish(self, whole: bool) -> Result<(), Failure> {
        let milliseconds = self.start.elapsed().as_millis();
        let failed = self.steps.iter().find(|step| !step.passed).map(|step| step.step.clone());
        let failed = failed.or_else(|| (!whole).then(|| "the end was not reached".to_owned()));
        let mut rows = vec![row(["", "step", "time", "result"])];
        rows.extend(
            self.steps
                .iter()
                .map(|step| row([mark(step.passed), &step.step, &format!("{} ms", step.milliseconds), &shortened(&step.result)])),
        );
        let verdict = match &failed {
            None => {
                "The drill PASSED: whoever robs one provider gets no key and signs nothing alone; whoever robs two gets the key.\nA provider that was robbed was evicted: what was stolen from it is worth nothing with anything that is stolen later.\nA thief who runs a stolen cosigner can still ask the others: what they sign is up to their policies."
            }
            Some(_) => "The drill FAILED.",
        };
        let text = format!(
            "\n{}\n{verdict} {:.1} s",
            table(&rows),
            core::time::Duration::from_millis(milliseconds.try_into().unwrap_or(u64::MAX)).as_secs_f64()
        );
        let value = serde_json::json!({"passed": failed.is_none(), "milliseconds": milliseconds, "steps": self.steps});
        self.output.answer(&value, &text)?;
        match failed {
            None => Ok(()),
            // Programs have their one document already; the exit code says the rest.
            Some(step) => Err(Failure::Drill { step }),
        }
    }
}

const fn mark(passed: bool) -> &'static str {
    if passed { "ok  " } else { "FAIL" }
}

/// The first line of a result: the table has one line a step.
fn shortened(result: &str) -> String {
    let line = result.lines().next().unwrap_or_default();
    if line.chars().count() <= 110 { line.to_owned() } else { format!("{}…", line.chars().take(109).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new(Output::new(true));
        assert_eq!(report.step("first", || Ok((7, "seen".to_owned()))), Some(7));
        report
    }

    #[test]
    fn report_of_good_steps_passes_only_if_the_end_was_reached() {
        assert!(report().finish(true).is_ok());
        assert_eq!(report().finish(false).unwrap_err().exit_code(), 1);
    }

    #[test]
    fn report_with_a_failed_step_fails_even_at_the_end() {
        let mut report = report();
        assert_eq!(report.step("theft", || Err::<((), String), _>(Trouble::Control("no"))), None);
        report.step("third", || Ok(((), String::new())));
        let failure = report.finish(true).unwrap_err();
        assert!(matches!(&failure, Failure::Drill { step } if step == "theft"));
        assert_eq!(failure.exit_code(), 1);
    }
}
