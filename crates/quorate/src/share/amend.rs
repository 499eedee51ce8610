//! Amendments of a key's placement, for shares of any suite.

use std::collections::BTreeMap;

use quorate_core::{
    Error, Identifier,
    amend::{Amendment, Approval, Approved, approve},
    curve::Curve,
    keys::PublicKeyPackage,
    placement::Exposure,
    wire::Encoding,
};

use super::AnyKeyShare;

impl AnyKeyShare {
    /// The row that this participant has from now on.
    pub(crate) fn amendment(&self, number: u32, row: Exposure) -> Amendment {
        for_any!(Self, self, share => Amendment::new(share.package(), share.identifier(), number, row))
    }

    /// Approves an amendment with this share: a record for [`approved`](Self::approved).
    pub(crate) fn approve(&self, amendment: &Amendment) -> Result<Vec<u8>, Error> {
        Ok(for_any!(Self, self, share => approve(share, amendment, &mut getrandom::SysRng)?.to_bytes()))
    }

    /// Whether a participant approves an amendment.
    pub(crate) fn check_approval(&self, from: Identifier, amendment: &Amendment, record: &[u8]) -> Result<(), Error> {
        for_any!(Self, self, share => Approval::from_bytes(record)?.verify(share.package(), from, amendment))
    }

    /// Everyone's approvals in one record.
    pub(crate) fn approved(&self, amendment: Amendment, records: &BTreeMap<Identifier, Vec<u8>>) -> Result<Vec<u8>, Error> {
        fn all<C: Curve>(
            package: &PublicKeyPackage<C>,
            amendment: Amendment,
            records: &BTreeMap<Identifier, Vec<u8>>,
        ) -> Result<Vec<u8>, Error> {
            let read = records.iter().map(|(from, record)| Ok((*from, Approval::from_bytes(record)?)));
            Ok(Approved::new(package, amendment, &read.collect::<Result<_, Error>>()?)?.to_record())
        }
        for_any!(Self, self, share => all(share.package(), amendment, records))
    }

    /// The amendment of such a record, with every approval verified.
    pub(crate) fn read_approved(&self, record: &[u8]) -> Result<Amendment, Error> {
        Ok(for_any!(Self, self, share => Approved::from_record(record, share.package())?.amendment().clone()))
    }
}
