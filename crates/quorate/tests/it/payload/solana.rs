//! Solana transactions.

use ed25519_dalek::Signature;
use quorate::payload::{
    Action, AddressKind, AnyPayload, Details, Effect, KeyUse, Payload, PayloadError, SolanaDetails, SolanaError, SolanaMessage,
    kind,
};

use quorate_core::SuiteId;

use super::keys::{Bip340Key, Ed25519Key, PlainKey};

const RECIPIENT: [u8; 32] = [0x22; 32];
const BLOCKHASH: [u8; 32] = [0x33; 32];
const SYSTEM: [u8; 32] = [0; 32];

/// A legacy transfer, put together from the documented format.
pub(crate) fn transfer(from: &[u8; 32], lamports: u64) -> Vec<u8> {
    let mut bytes = vec![1, 0, 1, 3];
    [from, &RECIPIENT, &SYSTEM, &BLOCKHASH].iter().for_each(|key| bytes.extend(*key));
    bytes.extend([1, 2, 2, 0, 1, 12, 2, 0, 0, 0]);
    bytes.extend(lamports.to_le_bytes());
    bytes
}

/// A message of version 0 that moves SOL to an account from a lookup table.
pub(crate) fn lookup_transfer(from: &[u8; 32]) -> Vec<u8> {
    let mut bytes = vec![0x80, 1, 0, 1, 2];
    [from, &SYSTEM, &BLOCKHASH].iter().for_each(|key| bytes.extend(*key));
    bytes.extend([1, 1, 2, 0, 2, 12, 2, 0, 0, 0]);
    bytes.extend(1_500_000_000_u64.to_le_bytes());
    bytes.push(1);
    bytes.extend([0x44; 32]);
    bytes.extend([1, 1, 0]);
    bytes
}

fn details(bytes: &[u8], key: &Ed25519Key) -> SolanaDetails {
    match SolanaMessage::parse(bytes).unwrap().describe(&KeyUse::new(key, &[])).unwrap().details {
        Details::Solana(details) => details,
        other => panic!("{other:?}"),
    }
}

fn refusal(bytes: &[u8]) -> SolanaError {
    match AnyPayload::decode(kind::SOLANA, bytes) {
        Err(PayloadError::Solana(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A transfer, changed.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = transfer(&Ed25519Key::new(1).public(), 5);
    change(&mut bytes);
    bytes
}

/// Made by solana-message 6.0.0 and solana-system-interface 3.3.0: a transfer of 1.5 SOL from 0x11… to 0x22…, blockhash 0x33…; in
/// version 0 the recipient is number 1 in the table 0x44….
#[test]
fn messages_made_by_the_official_library_are_understood() {
    let payer = "11".repeat(32);
    let (recipient, blockhash, system, table) = ("22".repeat(32), "33".repeat(32), "00".repeat(32), "44".repeat(32));
    let legacy = format!("01000103{payer}{recipient}{system}{blockhash}01020200010c02000000002f685900000000");
    let version_0 = format!("8001000102{payer}{system}{blockhash}01010200020c02000000002f68590000000001{table}010100");
    assert_eq!(legacy, hex::encode(transfer(&[0x11; 32], 1_500_000_000)));
    assert_eq!(version_0, hex::encode(lookup_transfer(&[0x11; 32])));
    let key = PlainKey { suite: SuiteId::Ed25519, public: vec![0x11; 32] };
    for text in [legacy, version_0] {
        let bytes = hex::decode(text).unwrap();
        let description = SolanaMessage::parse(&bytes).unwrap().describe(&KeyUse::new(&key, &[])).unwrap();
        assert!(description.to_string().contains("System: Transfer of 1.500000000 SOL from"), "{description}");
    }
}

#[test]
fn attach_makes_a_transaction_whose_signature_verifies_strictly() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let bytes = transfer(&key.public(), 1_500_000_000);
    let payload = SolanaMessage::parse(&bytes).unwrap();
    let to_sign = payload.messages(&usage).unwrap();
    assert_eq!(to_sign.len(), 1);
    assert_eq!(to_sign[0].message(), bytes);
    let transaction = payload.attach(&usage, &[key.sign(&to_sign[0])]).unwrap();
    let (count, rest) = transaction.split_first().unwrap();
    let (signature, message) = rest.split_at(64);
    assert_eq!((*count, message), (1, bytes.as_slice()));
    key.0.verifying_key().verify_strict(message, &Signature::from_slice(signature).unwrap()).unwrap();
}

#[test]
fn attach_refuses_a_signature_that_does_not_verify() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let signed = |lamports| {
        let payload = SolanaMessage::parse(&transfer(&key.public(), lamports)).unwrap();
        (key.sign(&payload.messages(&usage).unwrap()[0]), payload)
    };
    let ((signature, payload), (other, _)) = (signed(5), signed(6));
    assert!(payload.attach(&usage, &[signature]).is_ok());
    for wrong in [other, vec![0; 64], vec![7; 64]] {
        assert!(matches!(payload.attach(&usage, &[wrong]), Err(PayloadError::InvalidSignature { index: 0 })));
    }
}

#[test]
fn description_shows_payer_blockhash_amount_and_recipient() {
    let key = Ed25519Key::new(1);
    let usage = KeyUse::new(&key, &[]);
    let bytes = transfer(&key.public(), 1_500_000_000);
    let text = SolanaMessage::parse(&bytes).unwrap().describe(&usage).unwrap().to_string();
    let (from, to) = (usage.address(AddressKind::Solana).unwrap(), bs58::encode(RECIPIENT).into_string());
    for part in [
        format!("fee payer: {from} (this key)"),
        format!("recent blockhash: {}", bs58::encode(BLOCKHASH).into_string()),
        format!("instruction 0: System: Transfer of 1.500000000 SOL from {from} to {to}"),
    ] {
        assert!(text.contains(&part), "{part} is not in {text}");
    }
    assert_eq!(details(&bytes, &key).instructions[0].action, Action::Transfer { lamports: 1_500_000_000, from, to });
}

#[test]
fn accounts_from_lookup_tables_are_described_as_unknown() {
    let key = Ed25519Key::new(1);
    let details = details(&lookup_transfer(&key.public()), &key);
    let instruction = &details.instructions[0];
    assert_eq!(instruction.accounts[1], None);
    assert!(matches!(&instruction.action, Action::Transfer { to, .. } if to == "an account from a lookup table"));
    assert!(instruction.to_string().contains("touches 1 accounts from lookup tables"), "{instruction}");
    assert_eq!(details.lookup_tables, [bs58::encode([0x44; 32]).into_string()]);
}

#[test]
fn instructions_that_are_not_decoded_say_so() {
    let key = Ed25519Key::new(1);
    // Another program, another number, and a transfer with a byte too many.
    let foreign = changed(|bytes| bytes[68..100].fill(0x55));
    let unknown_number = changed(|bytes| bytes[138] = 0x63);
    let long = changed(|bytes| {
        bytes[137] = 13;
        bytes.push(0);
    });
    for bytes in [foreign, unknown_number, long] {
        let details = details(&bytes, &key);
        assert!(matches!(details.instructions[0].action, Action::NotDecoded { .. }), "{details:?}");
        assert!(details.instructions[0].to_string().contains("not decoded here"));
    }
    let assign = changed(|bytes| bytes[138] = 1);
    assert!(matches!(details(&assign, &key).instructions[0].action, Action::Named { name: "Assign", bytes: 8 }));
}

/// A message that calls programs with data, each with the same accounts.
fn calls(payer: [u8; 32], calls: &[(&str, &[u8], &[u8])]) -> Vec<u8> {
    let programs: Vec<Vec<u8>> = calls.iter().map(|(program, ..)| bs58::decode(program).into_vec().unwrap()).collect();
    let mut bytes = vec![1, 0, calls.len() as u8, calls.len() as u8 + 4];
    [payer, [0x61; 32], [0x62; 32], [0x63; 32]].iter().for_each(|account| bytes.extend(account));
    programs.iter().for_each(|program| bytes.extend(program));
    bytes.extend(BLOCKHASH);
    bytes.push(calls.len() as u8);
    for (index, (_, accounts, data)) in calls.iter().enumerate() {
        bytes.extend([index as u8 + 4, accounts.len() as u8]);
        bytes.extend(*accounts);
        bytes.push(data.len() as u8);
        bytes.extend(*data);
    }
    bytes
}

#[test]
fn priority_fee_is_the_price_times_the_limit() {
    let key = Ed25519Key::new(1);
    let budget = "ComputeBudget111111111111111111111111111111";
    let price = [&[3][..], &2_000_001_u64.to_le_bytes()].concat();
    let without_limit = details(&calls(key.public(), &[(budget, &[], &price)]), &key);
    assert_eq!((without_limit.max_fee, without_limit.spent), (5_000 + 2_800_002, 5_000 + 2_800_002));
    let limit = [&[2][..], &1_000_u32.to_le_bytes()].concat();
    let mut bytes = calls(key.public(), &[(budget, &[], &price)]);
    bytes[4 + 5 * 32 + 32] = 2;
    bytes.extend([4, 0, 5]);
    bytes.extend(limit);
    let with_limit = details(&bytes, &key);
    assert_eq!(with_limit.max_fee, 5_000 + 2_001);
    assert_eq!(with_limit.instructions[1].action, Action::ComputeUnitLimit { units: 1_000 });
    assert!(with_limit.instructions.iter().all(quorate::payload::InstructionDetails::is_decoded));
}

#[test]
fn token_transfers_are_decoded() {
    let key = Ed25519Key::new(1);
    let plain = [&[3][..], &77_u64.to_le_bytes()].concat();
    let checked = [&[12][..], &78_u64.to_le_bytes(), &[6]].concat();
    let details = details(
        &calls(
            key.public(),
            &[
                ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", &[1, 2, 0], &plain),
                ("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", &[1, 3, 2, 0], &checked),
            ],
        ),
        &key,
    );
    let [one, two, three] = [0x61, 0x62, 0x63].map(|byte| bs58::encode([byte; 32]).into_string());
    let texts: Vec<String> = details.instructions.iter().map(ToString::to_string).collect();
    assert_eq!(texts[0], format!("Token: Transfer of 77 units from {one} to {two}"));
    assert_eq!(texts[1], format!("Token-2022: Transfer of 78 units (10^-6) of {three} from {one} to {two}"));
    assert_eq!(details.spent, details.max_fee);
}

#[test]
fn other_signers_find_empty_places() {
    let (payer, key) = (Ed25519Key::new(2), Ed25519Key::new(1));
    let usage = KeyUse::new(&key, &[]);
    let mut bytes = vec![2, 1, 1, 3];
    [payer.public(), key.public(), SYSTEM, BLOCKHASH].iter().for_each(|part| bytes.extend(part));
    bytes.push(0);
    let payload = SolanaMessage::parse(&bytes).unwrap();
    let signature = key.sign(&payload.messages(&usage).unwrap()[0]);
    let transaction = payload.attach(&usage, core::slice::from_ref(&signature)).unwrap();
    assert_eq!(transaction, [&[2], [0; 64].as_slice(), &signature, &bytes].concat());
    assert!(!details(&bytes, &key).pays_fee);
}

#[test]
fn transfers_and_fees_of_other_signers_are_not_counted_as_spent() {
    let (payer, key) = (Ed25519Key::new(2), Ed25519Key::new(1));
    let mut bytes = vec![2, 0, 1, 3];
    [payer.public(), key.public(), SYSTEM, BLOCKHASH].iter().for_each(|part| bytes.extend(part));
    bytes.push(2);
    for (from, to, lamports) in [(0, 1, 500_u64), (1, 0, 7)] {
        bytes.extend([2, 2, from, to, 12, 2, 0, 0, 0]);
        bytes.extend(lamports.to_le_bytes());
    }
    assert_eq!(details(&bytes, &key).spent, 7);
    assert_eq!(details(&bytes, &payer).spent, 500 + 10_000);
}

#[test]
fn message_round_trips_in_binary_and_base64() {
    let bytes = transfer(&Ed25519Key::new(1).public(), 5);
    let payload = AnyPayload::decode(kind::SOLANA, &bytes).unwrap();
    assert_eq!((payload.kind(), payload.encode()), (kind::SOLANA, bytes.clone()));
    let text = SolanaMessage::parse(&bytes).unwrap().to_base64();
    assert_eq!(SolanaMessage::parse(format!("{text}\n").as_bytes()).unwrap().encode(), bytes);
    assert!(matches!(AnyPayload::decode(kind::SOLANA, text.as_bytes()), Err(PayloadError::NotCanonical)));
}

#[test]
fn key_that_need_not_sign_is_refused() {
    let key = Ed25519Key::new(1);
    let elsewhere = SolanaMessage::parse(&transfer(&Ed25519Key::new(2).public(), 5)).unwrap();
    let refused = elsewhere.messages(&KeyUse::new(&key, &[]));
    assert!(matches!(refused, Err(PayloadError::Solana(SolanaError::NotASigner))));
    // The key is an account of the message, but not a signer.
    let mut bytes = transfer(&Ed25519Key::new(2).public(), 5);
    bytes[36..68].copy_from_slice(&key.public());
    let refused = SolanaMessage::parse(&bytes).unwrap().messages(&KeyUse::new(&key, &[]));
    assert!(matches!(refused, Err(PayloadError::Solana(SolanaError::NotASigner))));
    let bitcoin = Bip340Key::new(1);
    let refused = elsewhere.messages(&KeyUse::new(&bitcoin, &[]));
    assert!(matches!(refused, Err(PayloadError::UnsupportedSuite { kind: kind::SOLANA, .. })));
}

#[test]
fn headers_that_contradict_the_accounts_are_refused() {
    for header in [[0, 0, 1], [1, 1, 1], [1, 0, 3], [4, 0, 0], [2, 2, 0]] {
        assert_eq!(refusal(&changed(|bytes| bytes[..3].copy_from_slice(&header))), SolanaError::Header, "{header:?}");
    }
}

#[test]
fn accounts_and_programs_that_are_not_there_are_refused() {
    let wrong = SolanaError::UnknownAccount { instruction: 0 };
    assert_eq!(refusal(&changed(|bytes| bytes[133] = 3)), wrong, "program");
    assert_eq!(refusal(&changed(|bytes| bytes[133] = 0)), wrong, "the fee payer is no program");
    assert_eq!(refusal(&changed(|bytes| bytes[136] = 3)), wrong, "account");
    assert_eq!(refusal(&changed(|bytes| bytes.copy_within(4..36, 36))), SolanaError::DuplicateAccount { index: 1 });
}

#[test]
fn lookups_that_load_nothing_or_too_much_are_refused() {
    let bytes = lookup_transfer(&Ed25519Key::new(1).public());
    let start = bytes.len() - 3;
    let with = |tail: &[u8]| [&bytes[..start], tail].concat();
    assert_eq!(refusal(&with(&[0, 0])), SolanaError::Lookup);
    let many = [&[0xff, 1][..], &[0; 255], &[0]].concat();
    assert_eq!(refusal(&with(&many)), SolanaError::Lookup);
}

#[test]
fn lengths_that_are_not_shortest_are_refused() {
    use quorate_core::DecodeError::NotCanonical;
    // Three accounts, written in two and three bytes, and a length above 65535.
    for length in [[0x83, 0].as_slice(), &[0x83, 0x80, 0], &[0x83, 0x80, 0x04], &[0x83, 0x80, 0x80]] {
        let bytes = changed(|bytes| drop(bytes.splice(3..4, length.iter().copied())));
        let at = 3 + length.len();
        assert_eq!(refusal(&bytes), SolanaError::Malformed { at, source: NotCanonical }, "{length:?}");
    }
}

#[test]
fn unknown_versions_trailing_bytes_and_long_messages_are_refused() {
    use quorate_core::DecodeError::{TrailingBytes, Truncated};
    let bytes = changed(|_| ());
    assert_eq!(refusal(&[&[0x81], bytes.as_slice()].concat()), SolanaError::Version { found: 1 });
    let trailing = refusal(&[bytes.as_slice(), &[0]].concat());
    assert_eq!(trailing, SolanaError::Malformed { at: bytes.len(), source: TrailingBytes });
    assert_eq!(trailing.to_string(), format!("not a Solana message, at byte {}", bytes.len()));
    for length in 0..bytes.len() {
        // What is cut off starts there, or before: an account, a hash or an instruction is read as a whole.
        let refused = refusal(&bytes[..length]);
        let SolanaError::Malformed { at, source: Truncated } = refused else { panic!("{length}: {refused:?}") };
        assert!(at <= length && at + 32 > length.saturating_sub(32), "{length}: {at}");
    }
    assert_eq!(refusal(&vec![1; 1_168]), SolanaError::TooLong);
    // A message that fits into a packet with one signature, but not with two.
    let two_signers = |padding: usize| {
        let mut bytes = changed(|_| ());
        bytes[0] = 2;
        bytes.truncate(132);
        bytes.extend([1, 2, 0, 0x80 | (padding & 0x7f) as u8, (padding >> 7) as u8]);
        bytes.extend(vec![0; padding]);
        bytes
    };
    let most = 1_232 - 1 - 2 * 64 - two_signers(0).len();
    assert!(SolanaMessage::parse(&two_signers(most)).is_ok());
    assert_eq!(refusal(&two_signers(most + 1)), SolanaError::TooLong);
    assert_eq!(refusal(b"!"), SolanaError::NotBase64);
}

/// A legacy message of one instruction, on the accounts 1, 2, … and the payer as the last.
fn instruction(payer: &[u8; 32], program: &str, accounts: u8, data: &[u8]) -> Vec<u8> {
    let program: [u8; 32] = bs58::decode(program).into_vec().unwrap().try_into().unwrap();
    let mut bytes = vec![1, 0, 1, accounts + 2];
    bytes.extend(payer);
    (1..=accounts).for_each(|account| bytes.extend([account; 32]));
    bytes.extend(program);
    bytes.extend(BLOCKHASH);
    bytes.extend([1, accounts + 1, accounts + 1]);
    bytes.extend(1..=accounts);
    bytes.extend([0, u8::try_from(data.len()).unwrap()]);
    bytes.extend(data);
    bytes
}

const TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
const LOADER: &str = "BPFLoaderUpgradeab1e11111111111111111111111";

fn effects(program: &str, accounts: u8, data: &[u8]) -> (Vec<Effect>, String) {
    let key = Ed25519Key::new(1);
    let bytes = instruction(&key.public(), program, accounts, data);
    let description = SolanaMessage::parse(&bytes).unwrap().describe(&KeyUse::new(&key, &[])).unwrap();
    (description.effects.clone(), description.to_string())
}

fn account(number: u8) -> String {
    bs58::encode([number; 32]).into_string()
}

#[test]
fn approvals_and_transfers_of_tokens_name_their_mint_if_the_instruction_does() {
    let amount = |tag: u8, rest: &[u8]| [&[tag][..], &77_u64.to_le_bytes(), rest].concat();
    let (checked, text) = effects(TOKEN, 3, &amount(12, &[6]));
    assert!(
        matches!(&checked[..], [Effect::Transfer { asset, to, amount: 77 }] if asset.as_str() == format!("solana/token:{}", account(2)) && *to == account(3)),
        "{text}"
    );
    let (plain, _) = effects(TOKEN, 2, &amount(3, &[]));
    assert!(matches!(&plain[..], [Effect::Transfer { asset, .. }] if asset.as_str() == "solana/token"));
    let (approved, text) = effects(TOKEN, 3, &amount(13, &[6]));
    assert!(
        matches!(&approved[..], [Effect::Approval { spender, amount: 77, unlimited: false, .. }] if *spender == account(3)),
        "{text}"
    );
    assert!(text.contains(&format!("Approve: {} may take 77 units", account(3))), "{text}");
    for (amount, is_all) in [(u64::MAX, true), (u64::MAX - 1, true), (1 << 63, true), ((1 << 63) - 1, false)] {
        let (all, _) = effects(TOKEN, 2, &[&[4][..], &amount.to_le_bytes()].concat());
        assert!(matches!(&all[..], [Effect::Approval { unlimited, .. }] if *unlimited == is_all), "{amount}");
    }
    let (revoked, text) = effects(TOKEN, 1, &[5]);
    assert!(revoked.is_empty() && text.contains("Revoke"));
    // A byte more, or less, is another instruction.
    for wrong in [amount(12, &[6, 0]), amount(12, &[]), amount(4, &[1]), vec![5, 0], vec![99]] {
        assert!(effects(TOKEN, 3, &wrong).0.iter().any(|effect| matches!(effect, Effect::Undecoded { .. })), "{wrong:?}");
    }
}

#[test]
fn authorities_upgrades_and_closed_accounts_are_named() {
    let authority = |kind: u8, to: &[u8]| effects(TOKEN, 1, &[&[6, kind][..], to].concat());
    let (given, text) = authority(2, &[&[1][..], &[9; 32]].concat());
    assert!(
        matches!(&given[..], [Effect::OwnerChange { contract, owner: Some(owner), .. }] if *contract == account(1) && *owner == account(9)),
        "{text}"
    );
    assert!(text.contains("gets the authority AccountOwner of"), "{text}");
    assert!(matches!(&authority(0, &[0]).0[..], [Effect::OwnerChange { owner: None, .. }]));
    for wrong in [&[2][..], &[1], &[0, 0]] {
        assert!(authority(2, wrong).0.iter().any(|effect| matches!(effect, Effect::Undecoded { .. })));
    }
    let (upgraded, text) = effects(LOADER, 6, &3_u32.to_le_bytes());
    assert!(
        matches!(&upgraded[..], [Effect::Upgrade { contract, code }, Effect::Transfer { to, .. }, Effect::Undecoded { .. }]
            if *contract == account(2) && *code == account(3) && *to == account(4)),
        "{text}"
    );
    let (checked, _) = effects(LOADER, 3, &7_u32.to_le_bytes());
    assert!(matches!(&checked[..], [Effect::OwnerChange { owner: Some(owner), .. }] if *owner == account(3)));
    // What a closed account holds is not in the message; if it comes back to the key, nothing is lost.
    let (closed, _) = effects(TOKEN, 2, &[9]);
    assert!(closed.iter().any(|effect| matches!(effect, Effect::Undecoded { .. })));
    let key = Ed25519Key::new(1);
    let mut back = instruction(&key.public(), TOKEN, 2, &[9]);
    let place = back.len() - 4;
    // The second account of the instruction is the payer.
    back[place] = 0;
    let description = SolanaMessage::parse(&back).unwrap().describe(&KeyUse::new(&key, &[])).unwrap();
    assert!(description.effects.is_empty(), "{description}");
}

/// The key, who pays, closes the account 0x61… and gives what it holds to the account with that number.
pub(crate) fn closing(key: &[u8; 32], other: &[u8; 32], to: u8) -> Vec<u8> {
    let mut bytes = vec![2, 0, 1, 4];
    let program: [u8; 32] = bs58::decode(TOKEN).into_vec().unwrap().try_into().unwrap();
    [key, other, &[0x61; 32], &program, &BLOCKHASH].iter().for_each(|part| bytes.extend(*part));
    bytes.extend([1, 3, 3, 2, to, 0, 1, 9]);
    bytes
}

#[test]
fn account_that_is_closed_to_another_signer_is_not_the_keys_own() {
    let (key, thief) = (Ed25519Key::new(1), Ed25519Key::new(2));
    let described = |bytes: &[u8], key: &Ed25519Key| {
        let description = SolanaMessage::parse(bytes).unwrap().describe(&KeyUse::new(key, &[])).unwrap();
        (description.effects, details(bytes, key))
    };
    let to_thief = closing(&key.public(), &thief.public(), 1);
    let (effects, told) = described(&to_thief, &key);
    let address = bs58::encode(thief.public()).into_string();
    assert!(matches!(&effects[..], [Effect::Transfer { to, .. }, Effect::Undecoded { .. }] if *to == address), "{effects:?}");
    assert!(!told.instructions[0].tells_cost(&told.own) && told.instructions[0].is_decoded());
    // To the thief it is the key's own; to the key, nothing is lost either.
    assert!(described(&to_thief, &thief).0.is_empty());
    let (effects, told) = described(&closing(&key.public(), &thief.public(), 0), &key);
    assert!(effects.is_empty() && told.instructions[0].tells_cost(&told.own), "{effects:?}");
}

/// A call of the token program by the key, on the accounts 1, 2 and 3.
pub(crate) fn token_call(key: &[u8; 32], data: &[u8]) -> Vec<u8> {
    instruction(key, TOKEN, 3, data)
}
