//! The two places where a cosigner is asked: in this process, and at the other end of its control API.

use std::thread;

use quorate_core::DecodeError;
use quorate_storage::BoxFuture;
use tokio::sync::oneshot;

use super::{Ask, AskError, PublicKey};
use crate::{
    Cosigner, SignRequest,
    control::{Client, api},
};

impl Ask for Cosigner {
    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, AskError>> {
        Box::pin(async move { Ok(self.keys().await?.iter().map(PublicKey::from).collect()) })
    }

    fn sign(&self, request: SignRequest) -> BoxFuture<'_, Result<Vec<Vec<u8>>, AskError>> {
        Box::pin(async move { Ok(self.sign(request).await?.signatures) })
    }
}

impl Ask for Client {
    fn keys(&self) -> BoxFuture<'_, Result<Vec<PublicKey>, AskError>> {
        let client = self.clone();
        Box::pin(async move {
            let infos = in_a_thread(move || client.keys()).await??;
            Ok(infos.iter().map(PublicKey::try_from).collect::<Result<_, _>>()?)
        })
    }

    fn sign(&self, request: SignRequest) -> BoxFuture<'_, Result<Vec<Vec<u8>>, AskError>> {
        let (client, request) = (self.clone(), api::SignRequest::from(&request));
        Box::pin(async move {
            let signed = in_a_thread(move || client.sign(&request)).await??;
            let signatures = signed.signatures.iter().map(hex::decode).collect::<Result<_, _>>();
            Ok(signatures.map_err(|_| DecodeError::InvalidValue("signature"))?)
        })
    }
}

/// A client blocks, for as long as its timeout says: never in a thread that others wait on. No runtime is needed for it.
async fn in_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AskError> {
    let (sender, receiver) = oneshot::channel();
    // Whoever dropped the future does not want to know.
    let run = move || drop(sender.send(work()));
    thread::Builder::new().name("quorate-ask".to_owned()).spawn(run).map_err(|_| AskError::Thread)?;
    receiver.await.map_err(|_| AskError::Thread)
}
