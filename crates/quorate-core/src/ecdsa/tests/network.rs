//! Signers in one thread, with pairings whose seeds are made directly.

use super::*;

pub(in crate::ecdsa) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).unwrap();
    bytes
}

fn direction() -> (SenderSeeds, ReceiverSeeds) {
    let leaves: [[[u8; 16]; LEAVES]; TREES] = core::array::from_fn(|_| core::array::from_fn(|_| random()));
    let delta: [u8; TREES] = random().map(|byte: u8| byte & 15);
    let mut known = leaves;
    known.iter_mut().zip(delta).for_each(|(tree, missing)| tree[usize::from(missing)] = [0; 16]);
    (SenderSeeds { delta: Secret::new(delta), leaves: Secret::new(known) }, ReceiverSeeds { leaves: Secret::new(leaves) })
}

/// Another pairing with the same secrets and a guard of its own: what must not exist.
pub(in crate::ecdsa) fn twin(pairing: &Pairing) -> Pairing {
    let Pairing { id, peers, boots, sender, receiver, zero_key, .. } = pairing;
    let SenderSeeds { delta, leaves } = sender;
    Pairing {
        id: *id,
        peers: *peers,
        boots: *boots,
        sender: SenderSeeds { delta: Secret::new(*delta.expose()), leaves: Secret::new(*leaves.expose()) },
        receiver: ReceiverSeeds { leaves: Secret::new(*receiver.leaves.expose()) },
        zero_key: Secret::new(*zero_key.expose()),
        guard: Arc::new(pairing::Guard::default()),
        room: pairing::Room::default(),
    }
}

fn pair(a: PeerId, b: PeerId) -> (Pairing, Pairing) {
    let (id, zero_key) = (random(), random());
    let boots = [Boot::new(1, [1; 16]), Boot::new(1, [2; 16])];
    let ((a_sends, b_receives), (b_sends, a_receives)) = (direction(), direction());
    let pairing = |peers, boots, sender, receiver| Pairing {
        id,
        peers,
        boots,
        sender,
        receiver,
        zero_key: Secret::new(zero_key),
        guard: Arc::new(pairing::Guard::default()),
        room: pairing::Room::default(),
    };
    (pairing([a, b], boots, a_sends, a_receives), pairing([b, a], [boots[1], boots[0]], b_sends, b_receives))
}

/// A key, its holders and their pairings.
pub(in crate::ecdsa) struct Network<C: EcdsaSuite> {
    pub(in crate::ecdsa) shares: BTreeMap<Identifier, Arc<KeyShare<C>>>,
    pub(in crate::ecdsa) pairings: BTreeMap<Identifier, Pairings>,
}

pub(in crate::ecdsa) fn id(number: u16) -> Identifier {
    Identifier::new(number).unwrap()
}

pub(in crate::ecdsa) fn peer(id: Identifier) -> PeerId {
    PeerId::new([id.to_u16() as u8; 32])
}

pub(in crate::ecdsa) fn session() -> Session {
    let peers = Peers::new((1..=12).map(|number| (id(number), peer(id(number))))).unwrap();
    Session::new(SessionId::new(random()), peers)
}

impl<C: EcdsaSuite> Network<C> {
    pub(in crate::ecdsa) fn new(min: u16, max: u16) -> Self {
        let placement = danger::unchecked_placement(Threshold::new(min, max).unwrap(), ParticipantSet::first(max).unwrap());
        let mut secret = Zeroizing::new(random::<32>());
        secret[0] &= 0x7f;
        let shares = danger::split::<C>(&secret, ChainCode::new(random()), &placement, &mut SysRng).unwrap();
        let shares = shares.into_iter().map(|share| (share.identifier(), Arc::new(share))).collect();
        let mut network = Self { shares, pairings: BTreeMap::new() };
        network.pair_again();
        network
    }

    /// New pairings for everybody.
    pub(in crate::ecdsa) fn pair_again(&mut self) {
        let participants: Vec<_> = self.shares.keys().copied().collect();
        for (index, a) in participants.iter().enumerate() {
            for b in &participants[index + 1..] {
                let (ours, theirs) = pair(peer(*a), peer(*b));
                self.pairings.entry(*a).or_default().insert(*b, Arc::new(ours));
                self.pairings.entry(*b).or_default().insert(*a, Arc::new(theirs));
            }
        }
    }

    pub(in crate::ecdsa) fn key(&self) -> crate::keys::VerifyingKey<C> {
        self.shares[&id(1)].package().verifying_key()
    }

    pub(in crate::ecdsa) fn signing(&self, signers: &[u16], request: &Request) -> BTreeMap<Identifier, Signing<C>> {
        self.signing_in(&session(), signers, request)
    }

    pub(in crate::ecdsa) fn signing_in(
        &self,
        session: &Session,
        signers: &[u16],
        request: &Request,
    ) -> BTreeMap<Identifier, Signing<C>> {
        let set = ParticipantSet::new(signers.iter().map(|n| id(*n))).unwrap();
        let start = |id: Identifier| Signing::start(session, &self.shares[&id], &set, &self.pairings[&id], request, &mut SysRng);
        set.iter().map(|id| (id, start(id).unwrap())).collect()
    }

    pub(in crate::ecdsa) fn presigning(&self, signers: &[u16], batch: usize) -> BTreeMap<Identifier, Presigning<C>> {
        self.presigning_in(&session(), signers, batch)
    }

    pub(in crate::ecdsa) fn presigning_in(
        &self,
        session: &Session,
        signers: &[u16],
        batch: usize,
    ) -> BTreeMap<Identifier, Presigning<C>> {
        let set = ParticipantSet::new(signers.iter().map(|n| id(*n))).unwrap();
        let start = |id: Identifier| Presigning::start(session, &self.shares[&id], &set, &self.pairings[&id], batch, &mut SysRng);
        set.iter().map(|id| (id, start(id).unwrap())).collect()
    }
}

/// Runs machines to their ends. `tamper` sees every message on its way.
pub(in crate::ecdsa) fn run<P: Protocol>(
    mut machines: BTreeMap<Identifier, Machine<P>>,
    mut tamper: impl FnMut(Identifier, u8, &mut OutgoingMessage),
) -> BTreeMap<Identifier, Result<P::Output, Error>> {
    let mut failed = BTreeMap::new();
    loop {
        let mut messages = Vec::new();
        for (from, machine) in &mut machines {
            // The frame says its round in its third byte.
            while let Some(mut message) = machine.next_outgoing() {
                let round = message.bytes[2];
                tamper(*from, round, &mut message);
                messages.push((*from, message));
            }
        }
        if messages.is_empty() {
            break;
        }
        for (from, mut message) in messages {
            let bytes = core::mem::take(&mut message.bytes);
            if let Err(error) = machines.get_mut(&message.to).unwrap().handle_owned(from, bytes) {
                failed.entry(message.to).or_insert(error);
            }
        }
    }
    let output = |(id, mut machine): (Identifier, Machine<P>)| {
        let output = machine.take_output().ok_or_else(|| failed.remove(&id).unwrap_or(InputError::SessionOver.into()));
        (id, output)
    };
    machines.into_iter().map(output).collect()
}
