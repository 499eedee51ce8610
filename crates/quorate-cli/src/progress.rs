//! A line on the terminal that shows that something is going on.

use core::time::Duration;
use std::{
    io::Write as _,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Instant,
};

/// Nothing is shown before that: most requests are answered sooner.
const PATIENCE: Duration = Duration::from_millis(700);
const FRAME: Duration = Duration::from_millis(120);
const FRAMES: [&str; 4] = ["-", "\\", "|", "/"];

/// Turns until it is dropped, and then leaves no trace.
#[derive(Debug)]
pub(crate) struct Spinner {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Spinner {
    /// Shows nothing.
    pub(crate) const fn silent() -> Self {
        Self { running: None }
    }

    /// Turns beside `text`, on standard error.
    pub(crate) fn start(text: &str) -> Self {
        let (stop, stopped) = channel();
        let text = text.to_owned();
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            let mut wait = PATIENCE;
            for frame in FRAMES.iter().cycle() {
                if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                wait = FRAME;
                show(&format!("\r{frame} {text} ({} s)", start.elapsed().as_secs()));
            }
            if wait == FRAME {
                show("\r\x1b[2K");
            }
        });
        Self { running: Some((stop, thread)) }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A thread that only draws cannot fail in a way that matters.
            drop(thread.join());
        }
    }
}

fn show(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}
