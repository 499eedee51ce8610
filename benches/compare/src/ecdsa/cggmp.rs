//! For one row: `cggmp24`, which multiplies with Paillier encryption, through its public interface.

use std::{process::Command, time::Duration};

use cggmp24::{
    ExecutionId, KeyShare, PregeneratedPrimes, PrehashedDataToSign,
    backend::Integer,
    generic_ec::{Scalar, curves::Secp256k1},
    round_based::sim,
    security_level::SecurityLevel128,
};
use k256::ecdsa::VerifyingKey;
use rand_core_0_6::OsRng;

use super::{DIGEST, verify};
use crate::{Outcome, Size, sample::Stopwatch};

pub struct Cggmp {
    shares: Vec<KeyShare<Secp256k1>>,
    indexes: Vec<u16>,
    key: VerifyingKey,
}

impl Cggmp {
    /// A key dealt by their own dealer, with tables for their exponentiations.
    ///
    /// All participants get the same four safe primes: nobody may sign in earnest with it, and the time of a signature is the same.
    pub fn ready((t, n): Size) -> Outcome<Self> {
        let primes = [safe_prime()?, safe_prime()?, safe_prime()?, safe_prime()?];
        let one = || PregeneratedPrimes::<SecurityLevel128>::try_from(primes.clone());
        let primes = (0..n).map(|_| one()).collect::<Result<Vec<_>, _>>().map_err(|_| "primes that are too short")?;
        let dealer = cggmp24::trusted_dealer::builder::<Secp256k1, SecurityLevel128>(n).set_threshold(Some(t));
        let mut shares = dealer.set_pregenerated_primes(primes).enable_multiexp(true).generate_shares(&mut OsRng)?;
        shares.truncate(t.into());
        let key = VerifyingKey::from_sec1_bytes(shares[0].shared_public_key.to_bytes(true).as_bytes())?;
        Ok(Self { shares, indexes: (0..t).collect(), key })
    }

    /// One signature by all signers in their own simulation, which hands messages over as they are: what the whole run took.
    pub fn sign(&self) -> Outcome<Duration> {
        let mut id = [0; 32];
        getrandom::fill(&mut id)?;
        let message = PrehashedDataToSign::from_scalar(Scalar::<Secp256k1>::from_be_bytes_mod_order(DIGEST));
        let start = Stopwatch::start();
        let run = sim::run_with_setup(self.shares.iter(), |i, party, share| {
            let (id, indexes, message) = (ExecutionId::new(&id), &self.indexes, &message);
            async move { cggmp24::signing(id, i, indexes, share).sign(&mut OsRng, party, message).await }
        })?;
        let took = start.elapsed();
        for signature in run {
            let mut bytes = [0; 64];
            signature?.write_to_slice(&mut bytes);
            verify(&self.key, &bytes)?;
        }
        Ok(took)
    }
}

/// Searched by OpenSSL: a minute's work for it, and many for the library itself.
fn safe_prime() -> Outcome<Integer> {
    let output = Command::new("openssl").args(["prime", "-generate", "-safe", "-hex", "-bits", "1536"]).output()?;
    let digits = String::from_utf8(output.stdout)?;
    Integer::from_str_radix(digits.trim(), 16).ok_or_else(|| "openssl found no prime".into())
}
