//! The signer of Solana's clients, which blocks.

use core::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    sync::{Arc, mpsc},
    thread,
};

use quorate::{
    CosignerError,
    ask::AskError,
    control::ClientError,
    payload::{PayloadError, SolanaError},
};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::{Signer, SignerError};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::CosignerSigner;

/// How many may wait at one time: far less than the threads with which a runtime replaces those that wait.
const MAX_WAITING: usize = 64;
/// Longer than any cosigner lets an answer wait.
const LONGEST: Duration = Duration::from_mins(10);

/// A [`CosignerSigner`] that blocks the thread which asks it, as Solana's trait has it.
///
/// It may be asked from any thread, also from one of a runtime's own: the waiting is done in a thread made for it, and the runtime replaces
/// the one that is lost to it. At most 64 signatures are waited for at one time, clones counted together; further ones are refused. A
/// runtime with less than 64 `max_blocking_threads` cannot replace so many: start the cosigner on another one there. Not from a task of a
/// `LocalSet`, which tokio lets nobody block: it panics then.
#[derive(Clone, Debug)]
pub struct BlockingSigner {
    signer: CosignerSigner,
    runtime: Handle,
    /// How many wait for a signature.
    waiting: Arc<AtomicUsize>,
}

/// Where a blocking signer cannot be made. Whoever writes the program must change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// No runtime.
    #[error("a blocking signer is made inside a runtime of tokio, on which it then waits for the cosigner")]
    None,
    /// A runtime that would stand still.
    #[error("a runtime of one thread stands still while a blocking signer waits on that thread; use one of several threads")]
    OneThread,
}

impl BlockingSigner {
    pub(crate) fn new(signer: CosignerSigner) -> Result<Self, RuntimeError> {
        let runtime = Handle::try_current().map_err(|_| RuntimeError::None)?;
        match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => Err(RuntimeError::OneThread),
            RuntimeFlavor::MultiThread | _ => Ok(Self { signer, runtime, waiting: Arc::default() }),
        }
    }

    /// The signer that does not block.
    #[must_use]
    pub const fn signer(&self) -> &CosignerSigner {
        &self.signer
    }
}

impl BlockingSigner {
    /// Waits, in a thread of its own: a runtime's must not enter it again.
    fn in_a_thread(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let (signer, runtime, message) = (self.signer.clone(), self.runtime.clone(), message.to_vec());
        let (sender, receiver) = mpsc::sync_channel(1);
        let wait = move || {
            // Nobody waits any more where this fails.
            let _unheard = sender.send(runtime.block_on(signer.sign(&message)));
        };
        let started = thread::Builder::new().name("quorate-solana".to_owned()).spawn(wait);
        started.map_err(|_| SignerError::Custom("cannot wait for the cosigner in a thread of its own".to_owned()))?;
        match receiver.recv_timeout(LONGEST) {
            Ok(signed) => signed.map_err(|error| signer_error(&error)),
            Err(_) => Err(SignerError::Connection(
                "no answer, nor a refusal, within ten minutes: is the cosigner on a runtime whose threads all wait for it?"
                    .to_owned(),
            )),
        }
    }
}

/// One that waits, as long as it is there.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::SeqCst) < MAX_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Signer for BlockingSigner {
    fn try_pubkey(&self) -> Result<Pubkey, SignerError> {
        Ok(self.signer.pubkey())
    }

    /// Asks the cosigners, and waits.
    fn try_sign_message(&self, message: &[u8]) -> Result<Signature, SignerError> {
        // Each takes a thread of the runtime's from it, which has a limited number to replace them with.
        let _place = Place::take(&self.waiting).ok_or_else(|| {
            SignerError::Custom(format!("{MAX_WAITING} signatures are waited for already; ask again when one of them is there"))
        })?;
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| self.in_a_thread(message)),
            _ => self.in_a_thread(message),
        }
    }

    /// Nobody at this program is asked. Operators may have to approve, elsewhere.
    fn is_interactive(&self) -> bool {
        false
    }
}

/// The error of Solana's that comes nearest, with our words.
fn signer_error(error: &AskError) -> SignerError {
    let words = error.message();
    match error {
        AskError::Payload(PayloadError::Solana(SolanaError::NotASigner)) => SignerError::KeypairPubkeyMismatch,
        AskError::Payload(_) => SignerError::InvalidInput(words),
        AskError::Client(ClientError::NotRunning { .. } | ClientError::NoAnswer { .. })
        | AskError::Cosigner(CosignerError::Unavailable { .. }) => SignerError::Connection(words),
        AskError::Cosigner(CosignerError::Denied { .. } | CosignerError::Refused { .. } | CosignerError::Frozen { .. }) => {
            SignerError::UserCancel(words)
        }
        // The codes of the control API for the same three.
        AskError::Client(ClientError::Refused(said)) if ["denied", "refused", "frozen"].contains(&said.code.as_str()) => {
            SignerError::UserCancel(words)
        }
        AskError::UnknownKey { .. }
        | AskError::Cosigner(_)
        | AskError::Client(_)
        | AskError::KeyInfo(_)
        | AskError::Thread
        | _ => SignerError::Custom(words),
    }
}
