//! Amendments: approved by everyone, for one epoch, one participant, one number and one row.

use std::collections::BTreeMap;

use getrandom::SysRng;
use quorate_core::{
    Error, FaultKind,
    amend::{Amendment, Approval, Approved, approve},
    curve::Curve,
    frost::{Bip340, Ed25519},
    placement::{Exposure, Storage},
    wire::Encoding,
};

use super::kit::{id, shares};

fn row(store: &str) -> Exposure {
    let path = |text: &str| text.parse().unwrap();
    Exposure::new(path("alice"), path("cloud/1"), Storage::new(path(store), [path("alice")]).unwrap())
}

fn bound<C: Curve>() {
    let (key, other_key) = (shares::<C>(2, 3), shares::<C>(2, 3));
    let package = key[0].package();
    let amendment = Amendment::new(package, id(1), 1, row("store/2"));
    let mut approvals: BTreeMap<_, _> =
        key.iter().map(|share| (share.identifier(), approve(share, &amendment, &mut SysRng).unwrap())).collect();
    let approved = Approved::new(package, amendment.clone(), &approvals).unwrap();
    let record = approved.to_record();
    assert_eq!(Approved::from_record(&record, package).unwrap(), approved);
    // Nobody approves for another key, and nothing of the amendment can be exchanged.
    assert!(matches!(approve(&other_key[0], &amendment, &mut SysRng), Err(Error::Input(_))));
    assert!(Approved::<C>::from_record(&record, other_key[0].package()).is_err());
    let others = [
        Amendment::new(package, id(2), 1, row("store/2")),
        Amendment::new(package, id(1), 2, row("store/2")),
        Amendment::new(package, id(1), 1, row("store/3")),
    ];
    for other in others {
        let Err(Error::Fault(fault)) = approvals[&id(1)].verify(package, id(1), &other) else { panic!("accepted") };
        assert_eq!((fault.kind, fault.culprits.len()), (FaultKind::WrongApproval, 1));
    }
    assert!(approvals[&id(1)].verify(package, id(2), &amendment).is_err());
    assert!(matches!(approvals[&id(1)].verify(package, id(4), &amendment), Err(Error::Input(_))));
    for at in 0..record.len() {
        let mut changed = record.clone();
        changed[at] ^= 1;
        assert!(Approved::<C>::from_record(&changed, package).is_err(), "byte {at} does not matter");
    }
    assert!(Approved::<C>::from_record(&[&record[..], &[0]].concat(), package).is_err());
    let bytes = approvals[&id(1)].to_bytes();
    assert_eq!(Approval::<C>::from_bytes(&bytes).unwrap(), approvals[&id(1)]);
    // One that is missing, or another one's, is named.
    for missing in [1, 2, 3] {
        let kept = approvals.remove(&id(missing)).unwrap();
        let Err(Error::Fault(fault)) = Approved::new(package, amendment.clone(), &approvals) else { panic!("accepted") };
        assert_eq!((fault.kind, fault.culprits), (FaultKind::WrongApproval, vec![id(missing)]));
        approvals.insert(id(missing), kept);
    }
    approvals.insert(id(3), approvals[&id(2)]);
    let Err(Error::Fault(fault)) = Approved::new(package, amendment, &approvals) else { panic!("accepted") };
    assert_eq!(fault.culprits, [id(3)]);
}

#[test]
fn amendment_counts_with_the_approval_of_every_share() {
    bound::<Ed25519>();
    bound::<Bip340>();
}
