//! One session with a token, on a thread of its own.

use core::fmt;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11 as Module},
    error::{Error, RvError},
    session::{Session, UserType},
    types::AuthPin,
};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::store::Location;

/// Which token, and how to log in.
#[derive(Clone)]
pub struct TokenOptions {
    module: PathBuf,
    label: String,
    pin: Zeroizing<String>,
}

impl TokenOptions {
    /// The module's shared library, the token's label, and the user's PIN.
    #[must_use]
    pub fn new(module: &Path, label: &str, pin: Zeroizing<String>) -> Self {
        Self { module: module.to_owned(), label: label.to_owned(), pin }
    }
}

impl fmt::Debug for TokenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenOptions({:?} by {})", self.label, self.module.display())
    }
}

/// Why a token does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// The module cannot be loaded, or does not start.
    #[error("the PKCS#11 module {module} does not load; check its path")]
    Module {
        /// The shared library.
        module: PathBuf,
        /// What the loader or the module says.
        source: Error,
    },
    /// No token has the label.
    #[error("there is no token {label:?}; plug it in, or correct its label")]
    NoToken {
        /// The label.
        label: String,
    },
    /// Several tokens have the label.
    #[error("several tokens are called {label:?}; give each a label of its own")]
    SeveralTokens {
        /// The label.
        label: String,
    },
    /// The PIN is wrong, or locked.
    #[error("the token {label:?} refuses the PIN")]
    Pin {
        /// The label.
        label: String,
        /// What the token says.
        source: Error,
    },
    /// There is no such key.
    #[error("the token has no AES-256 key {label:?}; make one, or correct its label")]
    NoKey {
        /// The key's label.
        label: String,
    },
    /// There is such a key already.
    #[error("the token has a key {label:?} already; use it, or choose another label")]
    KeyExists {
        /// The key's label.
        label: String,
    },
    /// Which of them is meant cannot be said.
    #[error("the token has several keys {label:?}; give all but one of them another label")]
    SeveralKeys {
        /// Their label.
        label: String,
    },
    /// The key can leave the token.
    #[error("the key {label:?} can leave the token: it must be sensitive and not extractable; make a new one")]
    WeakKey {
        /// The key's label.
        label: String,
    },
    /// The token failed.
    #[error("the token failed")]
    Token {
        /// What it says.
        #[from]
        source: Error,
    },
    /// The generator of randomness failed. Nothing was wrapped.
    #[error("the random generator failed")]
    Randomness,
    /// The thread that talks to the token has ended.
    #[error("the connection to the token has ended; restart")]
    Ended,
}

impl Pkcs11Error {
    pub(crate) const fn rv(&self) -> Option<RvError> {
        if let Self::Token { source: Error::Pkcs11(rv, _) } = self { Some(*rv) } else { None }
    }
}

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// A logged-in session with a token. Ends when the last thing that uses it is dropped.
pub struct Token {
    jobs: mpsc::Sender<Job>,
    location: Location,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.location)
    }
}

impl Token {
    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    ///
    /// [`Pkcs11Error::Module`], [`Pkcs11Error::NoToken`], [`Pkcs11Error::SeveralTokens`], [`Pkcs11Error::Pin`].
    pub async fn open(options: TokenOptions) -> Result<Arc<Self>, Pkcs11Error> {
        let location = Location::new(&format!("token {}", options.label));
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, open) = oneshot::channel();
        let run = move || match Worker::start(options) {
            Ok(mut worker) => {
                if opened.send(Ok(())).is_ok() {
                    queue.into_iter().for_each(|job| job(&mut worker));
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        let started = thread::Builder::new().name("pkcs11".to_owned()).spawn(run);
        started.map_err(|_| Pkcs11Error::Ended)?;
        open.await.map_err(|_| Pkcs11Error::Ended)??;
        Ok(Arc::new(Self { jobs, location }))
    }

    /// Where this is, for messages.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// Runs something on the session. A session that was lost is opened anew, and the same is tried once more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl Fn(&Session) -> Result<T, Pkcs11Error> + Send + 'static,
    ) -> Result<T, Pkcs11Error> {
        let (done, result) = oneshot::channel();
        let run: Job = Box::new(move |worker| drop(done.send(worker.run(&job))));
        self.jobs.send(run).map_err(|_| Pkcs11Error::Ended)?;
        result.await.map_err(|_| Pkcs11Error::Ended)?
    }
}

struct Worker {
    options: TokenOptions,
    module: Module,
    session: Session,
}

impl Worker {
    fn start(options: TokenOptions) -> Result<Self, Pkcs11Error> {
        let module = module(&options.module)?;
        let session = log_in(&module, &options)?;
        Ok(Self { options, module, session })
    }

    fn run<T>(&mut self, job: &impl Fn(&Session) -> Result<T, Pkcs11Error>) -> Result<T, Pkcs11Error> {
        match job(&self.session) {
            Err(error) if error.rv().is_some_and(is_lost) => {
                self.session = log_in(&self.module, &self.options)?;
                job(&self.session)
            }
            done => done,
        }
    }
}

const fn is_lost(rv: RvError) -> bool {
    matches!(
        rv,
        RvError::SessionHandleInvalid
            | RvError::SessionClosed
            | RvError::UserNotLoggedIn
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
    )
}

/// A module is initialised once in a process, whoever uses it, and stays.
fn module(path: &Path) -> Result<Module, Pkcs11Error> {
    static MODULES: Mutex<BTreeMap<PathBuf, Module>> = Mutex::new(BTreeMap::new());
    let failed = |source| Pkcs11Error::Module { module: path.to_owned(), source };
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let module = Module::new(path).map_err(failed)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(source) => return Err(failed(source)),
    }
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

fn log_in(module: &Module, options: &TokenOptions) -> Result<Session, Pkcs11Error> {
    let label = || options.label.clone();
    let mut slots = Vec::new();
    for slot in module.get_slots_with_initialized_token()? {
        if module.get_token_info(slot)?.label() == options.label {
            slots.push(slot);
        }
    }
    let [slot] = *slots.as_slice() else {
        return Err(if slots.is_empty() {
            Pkcs11Error::NoToken { label: label() }
        } else {
            Pkcs11Error::SeveralTokens { label: label() }
        });
    };
    let session = module.open_rw_session(slot)?;
    let pin = AuthPin::from(options.pin.as_str());
    match session.login(UserType::User, Some(&pin)) {
        // Another session of this process has logged in, which holds for all of them.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(source @ Error::Pkcs11(rv, _)) if is_pin(rv) => Err(Pkcs11Error::Pin { label: label(), source }),
        Err(source) => Err(source.into()),
    }
}

const fn is_pin(rv: RvError) -> bool {
    matches!(rv, RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange | RvError::PinLocked | RvError::PinExpired)
}
