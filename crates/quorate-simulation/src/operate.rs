//! What a cosigner is asked for, as a future of its own, so that several run side by side.

use std::collections::BTreeSet;

use quorate::{
    Cosigner, CosignerError, KeygenRequest, ReshareRequest, Reshared, SignRequest, Signed, WalletKey,
    core::SuiteId,
    payload::{AnyPayload, Message},
};

use crate::world::{LIMIT, Running};

/// A call with everything that it needs.
#[derive(Clone)]
pub(crate) enum Call {
    Keygen { wallet: usize, request: KeygenRequest },
    Sign { wallet: usize, key: usize, text: String, request: SignRequest, expect: Expect },
    Reshare { wallet: usize, attempt: usize, request: ReshareRequest, consenting: Vec<Running>, withheld: Option<usize> },
}

impl Call {
    /// The same beside another call, whose consents may have been given to this one's plan.
    pub(crate) fn beside_another(mut self) -> Self {
        if let Self::Reshare { withheld, .. } = &mut self {
            *withheld = None;
        }
        self
    }
}

/// What may come of a request for a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A signature or an error.
    Either,
    /// An error, because of this.
    Refusal(&'static str),
}

/// What came of it.
pub(crate) enum Outcome {
    Keygen(Vec<WalletKey>),
    Signed(Box<Signed>),
    /// And the keys as the proposer holds them then.
    Reshared(Reshared, Vec<WalletKey>),
    Failed(CosignerError),
    /// The proposer crashed.
    Died,
    /// It took longer than anything may.
    Hangs,
}

pub(crate) fn sign_request(wallet: &str, suite: SuiteId, text: &str, id: [u8; 32], signers: &[&str]) -> Option<SignRequest> {
    let payload = AnyPayload::new(Message::new(text).ok()?);
    let signers = signers.iter().map(|name| (*name).to_owned());
    Some(SignRequest::new(wallet, payload).suite(suite).request_id(id).signers(signers))
}

/// Runs a call on a cosigner, until the cosigner dies.
pub(crate) async fn run(proposer: Running, call: Call) -> Outcome {
    let made = async {
        let cosigner = &*proposer.cosigner;
        match call {
            Call::Keygen { request, .. } => cosigner.keygen(request).await.map(Outcome::Keygen),
            Call::Sign { request, .. } => cosigner.sign(request).await.map(|signed| Outcome::Signed(Box::new(signed))),
            Call::Reshare { request, consenting, .. } => {
                let reshared = reshare(cosigner, request, &consenting).await;
                let keys = if reshared.is_ok() { cosigner.keys().await.unwrap_or_default() } else { Vec::new() };
                reshared.map(|reshared| Outcome::Reshared(reshared, keys))
            }
        }
    };
    tokio::select! {
        biased;
        () = proposer.gate.died() => Outcome::Died,
        made = tokio::time::timeout(LIMIT, made) => match made {
            Ok(made) => made.unwrap_or_else(Outcome::Failed),
            Err(_elapsed) => Outcome::Hangs,
        },
    }
}

/// Asks again as long as somebody's consent was what lacked, and that somebody consents.
async fn reshare(proposer: &Cosigner, request: ReshareRequest, consenting: &[Running]) -> Result<Reshared, CosignerError> {
    let mut agreed = BTreeSet::new();
    loop {
        let error = match proposer.reshare(request.clone()).await {
            Ok(reshared) => return Ok(reshared),
            Err(error) => error,
        };
        // Only what this very proposer proposed, and each plan once.
        let mut anyone = false;
        for (index, running) in consenting.iter().enumerate() {
            let plans = running.cosigner.plans();
            for plan in plans.iter().filter(|plan| plan.proposer == proposer.name()) {
                if agreed.insert((index, plan.plan)) {
                    running.gate.consent();
                    // A store that fails here is one fault more; the operator's consent is asked for once.
                    anyone |= running.cosigner.consent(plan.plan).await.is_ok();
                }
            }
        }
        if !anyone {
            return Err(error);
        }
    }
}
