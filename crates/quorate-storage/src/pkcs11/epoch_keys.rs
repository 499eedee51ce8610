//! Epoch keys as objects of a token.

use std::{collections::BTreeSet, sync::Arc};

use cryptoki::{
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::Session,
};

use super::{Pkcs11Error, Token};
use crate::{
    epoch_key::{EpochKeyId, EpochKeys, bounded, hex, key_id_from_hex},
    store::{BoxFuture, StoreError},
};

/// Epoch keys as private data objects: `CKA_APPLICATION` is `quorate/<label>/<key id>`, `CKA_LABEL` the epoch,
/// `CKA_VALUE` a number that grows with each replacement (4 bytes) and what is kept.
///
/// What is in an object is wrapped by the key-encryption key, which may be in the same token: the store is at another place than both.
#[derive(Clone, Debug)]
pub struct Pkcs11EpochKeys {
    token: Arc<Token>,
    label: Arc<str>,
}

impl Pkcs11EpochKeys {
    /// Keeps epoch keys under a label, which no other cosigner may use.
    #[must_use]
    pub fn new(token: Arc<Token>, label: &str) -> Self {
        Self { token, label: label.into() }
    }

    fn application(&self, key_id: &[u8; 32]) -> String {
        format!("quorate/{}/{}", self.label, hex(key_id))
    }

    fn place(&self, id: &EpochKeyId) -> Place {
        Place { application: self.application(id.key_id()), epoch: id.epoch() }
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl Fn(&Session) -> Result<T, Pkcs11Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let failed =
            |error| StoreError::Unavailable { location: self.token.location().clone(), operation, source: Box::new(error) };
        self.token.run(job).await.map_err(failed)
    }

    async fn read_now(&self, id: &EpochKeyId) -> Result<Option<Vec<u8>>, StoreError> {
        let place = self.place(id);
        self.run("read an epoch key", move |session| Ok(place.all(session)?.into_iter().next().map(|object| object.value))).await
    }

    async fn create_now(&self, id: &EpochKeyId, wrapped: &[u8]) -> Result<(), StoreError> {
        bounded(wrapped)?;
        let (place, value) = (self.place(id), wrapped.to_vec());
        let create = move |session: &Session| {
            if place.find(session)?.is_empty() { place.create(session, 0, &value).map(|()| true) } else { Ok(false) }
        };
        let created = self.run("create an epoch key", create).await?;
        if created { Ok(()) } else { Err(StoreError::AlreadyExists { name: id.name()? }) }
    }

    async fn replace_now(&self, id: &EpochKeyId, wrapped: &[u8]) -> Result<bool, StoreError> {
        bounded(wrapped)?;
        let (place, value) = (self.place(id), wrapped.to_vec());
        let replace = move |session: &Session| {
            let found = place.all(session)?;
            let Some(newest) = found.first() else { return Ok(false) };
            // The new one first: whatever happens in between, there is one, and the newest counts.
            let mut keep = 1;
            if newest.value != value {
                place.create(session, newest.turn.saturating_add(1), &value)?;
                keep = 0;
            }
            for object in found.iter().skip(keep) {
                session.destroy_object(object.handle)?;
            }
            Ok(true)
        };
        self.run("replace an epoch key", replace).await
    }

    async fn destroy_now(&self, id: &EpochKeyId) -> Result<(), StoreError> {
        let place = self.place(id);
        let destroy = move |session: &Session| {
            for object in place.find(session)? {
                session.destroy_object(object)?;
            }
            Ok(())
        };
        self.run("destroy an epoch key", destroy).await
    }

    async fn epochs_now(&self, key_id: &[u8; 32]) -> Result<Vec<u64>, StoreError> {
        let application = self.application(key_id);
        let list = move |session: &Session| {
            let mut epochs = Vec::new();
            for object in session.find_objects(&of_application(&application))? {
                for attribute in session.get_attributes(object, &[AttributeType::Label])? {
                    if let Attribute::Label(label) = attribute {
                        epochs.extend(text(&label).and_then(|label| label.parse::<u64>().ok()));
                    }
                }
            }
            epochs.sort_unstable();
            epochs.dedup();
            Ok(epochs)
        };
        self.run("list epoch keys", list).await
    }

    async fn keys_now(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        let prefix = format!("quorate/{}/", self.label);
        let list = move |session: &Session| {
            let mut keys = BTreeSet::new();
            for object in session.find_objects(&[Attribute::Class(ObjectClass::DATA)])? {
                for attribute in session.get_attributes(object, &[AttributeType::Application])? {
                    if let Attribute::Application(application) = attribute {
                        keys.extend(text(&application).and_then(|name| name.strip_prefix(&prefix)).and_then(key_id_from_hex));
                    }
                }
            }
            Ok(keys.into_iter().collect())
        };
        self.run("list keys", list).await
    }
}

/// What an attribute of text says.
fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}

fn of_application(application: &str) -> [Attribute; 2] {
    [Attribute::Class(ObjectClass::DATA), Attribute::Application(application.as_bytes().to_vec())]
}

/// Where one epoch key is.
struct Place {
    application: String,
    epoch: u64,
}

impl Place {
    fn template(&self) -> Vec<Attribute> {
        let label = Attribute::Label(self.epoch.to_string().into_bytes());
        of_application(&self.application).into_iter().chain([label]).collect()
    }

    fn find(&self, session: &Session) -> Result<Vec<ObjectHandle>, Pkcs11Error> {
        Ok(session.find_objects(&self.template())?)
    }

    /// All objects of the epoch, the newest first. There are several only where a replacement was cut short.
    fn all(&self, session: &Session) -> Result<Vec<Object>, Pkcs11Error> {
        let mut all = Vec::new();
        for handle in self.find(session)? {
            for attribute in session.get_attributes(handle, &[AttributeType::Value])? {
                if let Attribute::Value(value) = attribute
                    && let Some((turn, value)) = value.split_first_chunk::<4>()
                {
                    all.push(Object { handle, turn: u32::from_be_bytes(*turn), value: value.to_vec() });
                }
            }
        }
        all.sort_unstable_by_key(|object| core::cmp::Reverse(object.turn));
        Ok(all)
    }

    fn create(&self, session: &Session, turn: u32, value: &[u8]) -> Result<(), Pkcs11Error> {
        let value = [&turn.to_be_bytes(), value].concat();
        let rest = [Attribute::Token(true), Attribute::Private(true), Attribute::Value(value)];
        session.create_object(&self.template().into_iter().chain(rest).collect::<Vec<_>>())?;
        Ok(())
    }
}

/// One object: its turn among those of its epoch, and what was kept.
struct Object {
    handle: ObjectHandle,
    turn: u32,
    value: Vec<u8>,
}

impl EpochKeys for Pkcs11EpochKeys {
    fn create<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.create_now(id, wrapped))
    }

    fn read<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(self.read_now(id))
    }

    fn replace<'a>(&'a self, id: &'a EpochKeyId, wrapped: &'a [u8]) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.replace_now(id, wrapped))
    }

    fn destroy<'a>(&'a self, id: &'a EpochKeyId) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.destroy_now(id))
    }

    fn epochs<'a>(&'a self, key_id: &'a [u8; 32]) -> BoxFuture<'a, Result<Vec<u64>, StoreError>> {
        Box::pin(self.epochs_now(key_id))
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<[u8; 32]>, StoreError>> {
        Box::pin(self.keys_now())
    }
}
