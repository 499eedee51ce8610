//! The primitives that the Noise framework runs on: X25519, ChaCha20-Poly1305 and the randomness of one handshake.
//!
//! snow brings its own; these differ in three points. Keys are wiped when they are dropped. A Diffie–Hellman result of zero is
//! refused. The ephemeral key comes from the caller's generator, so that a simulator can replay a run. They also are the versions that
//! the rest of the workspace uses, so that nobody links two of each.

use blake2::{Blake2s256, Digest};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use curve25519_dalek::montgomery::MontgomeryPoint;
use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::CryptoResolver,
    types::{Cipher, Dh, Hash, Random},
};
use zeroize::Zeroizing;

use crate::identity::agree_as;

const TAG: usize = 16;

/// Resolves the primitives of one handshake.
pub(crate) struct Resolver {
    /// What the ephemeral key is made of.
    pub(crate) ephemeral: Zeroizing<[u8; 32]>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(OneDraw(Some(self.ephemeral.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519).then(|| -> Box<dyn Dh> { Box::<X25519>::default() })
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        matches!(choice, HashChoice::Blake2s).then(|| -> Box<dyn Hash> { Box::<Blake2s>::default() })
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::ChaChaPoly).then(|| -> Box<dyn Cipher> { Box::<ChaChaPoly>::default() })
    }
}

/// Gives its 32 bytes once; a handshake draws one ephemeral key and nothing else.
struct OneDraw(Option<Zeroizing<[u8; 32]>>);

impl Random for OneDraw {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        let bytes = self.0.take().filter(|bytes| bytes.len() == dest.len()).ok_or(Error::Rng)?;
        dest.copy_from_slice(bytes.as_slice());
        Ok(())
    }
}

#[derive(Default)]
struct X25519 {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl X25519 {
    fn derive(&mut self) {
        self.public = MontgomeryPoint::mul_base_clamped(*self.secret).to_bytes();
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, privkey: &[u8]) {
        if let Ok(secret) = privkey.try_into() {
            self.secret = Zeroizing::new(secret);
            self.derive();
        }
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        rng.try_fill_bytes(self.secret.as_mut_slice())?;
        self.derive();
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        self.secret.as_slice()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let public = pubkey.first_chunk().ok_or(Error::Dh)?;
        let shared = agree_as(&self.public, &self.secret, public).ok_or(Error::Dh)?;
        out.get_mut(..32).ok_or(Error::Dh)?.copy_from_slice(shared.as_slice());
        Ok(())
    }
}

#[derive(Default)]
struct Blake2s(Blake2s256);

impl Hash for Blake2s {
    fn name(&self) -> &'static str {
        "BLAKE2s"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Blake2s256::default();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let hash = core::mem::take(&mut self.0).finalize();
        out.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    }
}

#[derive(Default)]
struct ChaChaPoly {
    key: Zeroizing<[u8; 32]>,
}

/// Noise section 12.3: four zero bytes, then the counter in little-endian.
fn noise_nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(counter.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

impl ChaChaPoly {
    fn seal(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        let total = plaintext.len().checked_add(TAG)?;
        let (body, tag) = out.get_mut(..total)?.split_at_mut_checked(plaintext.len())?;
        body.copy_from_slice(plaintext);
        let cipher = ChaCha20Poly1305::new(&(*self.key).into());
        tag.copy_from_slice(&cipher.encrypt_inout_detached(&noise_nonce(nonce).into(), authtext, body.into()).ok()?);
        Some(total)
    }

    fn open(&self, nonce: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Option<usize> {
        let (body, tag) = ciphertext.split_last_chunk::<TAG>()?;
        let out = out.get_mut(..body.len())?;
        out.copy_from_slice(body);
        let cipher = ChaCha20Poly1305::new(&(*self.key).into());
        cipher.decrypt_inout_detached(&noise_nonce(nonce).into(), authtext, out.into(), &(*tag).into()).ok()?;
        Some(body.len())
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.key = Zeroizing::new(*key);
    }

    /// Writes nothing and returns 0 if `out` is too small; callers compare the length.
    fn encrypt(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        self.seal(nonce, authtext, plaintext, out).unwrap_or(0)
    }

    fn decrypt(&self, nonce: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.open(nonce, authtext, ciphertext, out).ok_or(Error::Decrypt)
    }
}
