//! The signer of Solana's clients, which blocks.

use std::thread;

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

/// A [`CosignerSigner`] that blocks the thread which asks it, as Solana's trait has it.
///
/// It may be asked from any thread, also from one of a runtime's own: the waiting is done in a thread made for it, and the runtime replaces
/// the one that is lost to it. Not from a task of a `LocalSet`, which tokio lets nobody block: it panics then.
#[derive(Clone, Debug)]
pub struct BlockingSigner {
    signer: CosignerSigner,
    runtime: Handle,
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
            RuntimeFlavor::MultiThread | _ => Ok(Self { signer, runtime }),
        }
    }

    /// The signer that does not block.
    #[must_use]
    pub const fn signer(&self) -> &CosignerSigner {
        &self.signer
    }
}

impl Signer for BlockingSigner {
    fn try_pubkey(&self) -> Result<Pubkey, SignerError> {
        Ok(self.signer.pubkey())
    }

    /// Asks the cosigners, and waits.
    fn try_sign_message(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let wait = || self.runtime.block_on(self.signer.sign(message));
        // A runtime's own thread must not enter it again.
        let in_a_thread = || {
            thread::scope(|scope| {
                let waiting = thread::Builder::new().name("quorate-solana".to_owned()).spawn_scoped(scope, wait);
                waiting.map(thread::ScopedJoinHandle::join)
            })
        };
        let waited = match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(in_a_thread),
            _ => in_a_thread(),
        };
        match waited {
            Ok(Ok(signed)) => signed.map_err(|error| signer_error(&error)),
            _ => Err(SignerError::Custom("cannot wait for the cosigner in a thread of its own".to_owned())),
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
        AskError::UnknownKey { .. }
        | AskError::Cosigner(_)
        | AskError::Client(_)
        | AskError::KeyInfo(_)
        | AskError::Thread
        | _ => SignerError::Custom(words),
    }
}
