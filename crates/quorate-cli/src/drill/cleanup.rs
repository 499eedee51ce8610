//! What must not survive the drill: running cosigners and services, and the temporary directory, also after a failure or Ctrl-C.

use core::time::Duration;
use std::{
    path::{Path, PathBuf},
    process::Child,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::trouble::Trouble;
use crate::{args::DrillArgs, commands::runtime, failure::Failure};

/// The longest directory in which a control socket still fits: addresses of Unix sockets have 107 bytes.
const MAX_BASE: usize = 80;
/// As shells report a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// What stops a service.
type Stop = Box<dyn Fn() + Send>;

/// Ends the cosigners and removes the directory when it is dropped, when [`run`](Self::run) is called, or on a signal.
#[derive(Clone, Debug)]
pub(super) struct Cleanup {
    shared: Arc<Mutex<Shared>>,
    base: PathBuf,
    is_temporary: bool,
}

struct Shared {
    children: Vec<(&'static str, Child)>,
    services: Vec<Stop>,
    /// The directory, if it is to be removed.
    temporary: Option<PathBuf>,
    over: bool,
    interrupted: bool,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").field("children", &self.children).field("over", &self.over).finish_non_exhaustive()
    }
}

impl Cleanup {
    /// Makes the directory of the drill.
    pub(super) fn new(args: &DrillArgs) -> Result<Self, Failure> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Failure::File { action: "make", path, source }
        };
        let (base, temporary) = match &args.keep {
            Some(path) => {
                std::fs::create_dir(path).map_err(failed(path))?;
                (path.canonicalize().map_err(failed(path))?, None)
            }
            None => {
                let mut root = std::env::temp_dir();
                if root.as_os_str().len() > MAX_BASE {
                    root = PathBuf::from("/tmp");
                }
                let made = tempfile::Builder::new().prefix("quorate-drill-").tempdir_in(&root).map_err(failed(&root))?;
                let base = made.keep();
                (base.clone(), Some(base))
            }
        };
        if base.as_os_str().len() > MAX_BASE + 20 {
            return Err(failed(&base)(std::io::ErrorKind::InvalidFilename.into()));
        }
        Ok(Self::of(base, temporary))
    }

    /// Takes over the directory that [`new`](Self::new) made for the same arguments, in a process that this one replaced.
    #[cfg(feature = "real-drill")]
    pub(super) fn take_over(args: &DrillArgs, base: PathBuf) -> Self {
        let temporary = args.keep.is_none().then(|| base.clone());
        Self::of(base, temporary)
    }

    fn of(base: PathBuf, temporary: Option<PathBuf>) -> Self {
        let is_temporary = temporary.is_some();
        let shared = Shared { children: Vec::new(), services: Vec::new(), temporary, over: false, interrupted: false };
        Self { shared: Arc::new(Mutex::new(shared)), base, is_temporary }
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// From now on, Ctrl-C and SIGTERM clean up before the program ends.
    pub(super) fn on_signals(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let cleanup = self.clone();
        let runtime = runtime()?;
        std::thread::spawn(move || {
            let caught = runtime.block_on(async {
                let (mut terminate, mut interrupt) =
                    (signal(SignalKind::terminate()).ok()?, signal(SignalKind::interrupt()).ok()?);
                tokio::select! {
                    caught = terminate.recv() => caught,
                    caught = interrupt.recv() => caught,
                }
            });
            if caught.is_some() {
                cleanup.lock().interrupted = true;
                cleanup.run();
                if cleanup.is_temporary {
                    // The interrupted step may have written something in between; there is nothing to remove otherwise.
                    drop(std::fs::remove_dir_all(&cleanup.base));
                }
                std::process::exit(INTERRUPTED);
            }
        });
        Ok(())
    }

    /// Takes over a child process.
    pub(super) fn adopt(&self, name: &'static str, mut child: Child) {
        let mut shared = self.lock();
        if shared.over {
            end(&mut child);
        } else {
            shared.children.push((name, child));
        }
    }

    /// Has a service stop with the cosigners.
    #[cfg(feature = "real-drill")]
    pub(super) fn stop_with(&self, stop: impl Fn() + Send + 'static) {
        let mut shared = self.lock();
        if shared.over {
            stop();
        } else {
            shared.services.push(Box::new(stop));
        }
    }

    /// Whether the child of that name ended by itself.
    pub(super) fn has_exited(&self, name: &str) -> bool {
        let mut shared = self.lock();
        let child = shared.children.iter_mut().find(|(owner, _)| *owner == name);
        child.is_none_or(|(_, child)| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Ends one cosigner as a power cut would.
    pub(super) fn kill(&self, name: &str) -> Result<(), Trouble> {
        let mut shared = self.lock();
        let place = shared.children.iter().position(|(owner, _)| *owner == name);
        let place = place.ok_or(Trouble::Broken("the cosigner that should be stopped does not run"))?;
        end(&mut shared.children.swap_remove(place).1);
        Ok(())
    }

    /// Ends all and removes the directory. Done once.
    pub(super) fn run(&self) {
        let mut shared = self.lock();
        shared.over = true;
        shared.children.drain(..).for_each(|(_, mut child)| end(&mut child));
        shared.services.drain(..).for_each(|stop| stop());
        if let Some(directory) = shared.temporary.take() {
            // What cannot be removed stays in the system's temporary directory.
            drop(std::fs::remove_dir_all(directory));
        }
    }

    /// After a signal, waits for the end of the program: what failed because of the signal is not to be reported as a finding.
    pub(super) fn wait_if_interrupted(&self) {
        while self.lock().interrupted {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // The list is whole after every statement.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It may have ended already.
fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// Runs the cleanup at the end of a scope.
#[derive(Debug)]
pub(super) struct Guard<'a>(pub(super) &'a Cleanup);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.run();
    }
}
