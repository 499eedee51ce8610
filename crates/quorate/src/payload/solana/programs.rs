//! The programs that are known here, and what their instructions mean.

use quorate_core::wire::Reader;

use super::{describe::Action, parse::Instruction};

const SYSTEM: &str = "11111111111111111111111111111111";
const COMPUTE_BUDGET: &str = "ComputeBudget111111111111111111111111111111";
pub(super) const TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
const LOADER: &str = "BPFLoaderUpgradeab1e11111111111111111111111";
pub(super) const TOKEN_2022: &str = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb";

/// Instructions of the System program, by their numbers.
const SYSTEM_NAMES: [&str; 13] = [
    "CreateAccount",
    "Assign",
    "Transfer",
    "CreateAccountWithSeed",
    "AdvanceNonceAccount (the transaction does not expire)",
    "WithdrawNonceAccount",
    "InitializeNonceAccount",
    "AuthorizeNonceAccount",
    "Allocate",
    "AllocateWithSeed",
    "AssignWithSeed",
    "TransferWithSeed",
    "UpgradeNonceAccount",
];

/// The program's name, if it is known.
pub(super) fn name(program: &str) -> Option<&'static str> {
    match program {
        SYSTEM => Some("System"),
        COMPUTE_BUDGET => Some("Compute Budget"),
        TOKEN => Some("Token"),
        TOKEN_2022 => Some("Token-2022"),
        "Vote111111111111111111111111111111111111111" => Some("Vote"),
        "Stake11111111111111111111111111111111111111" => Some("Stake"),
        LOADER => Some("Upgradeable Loader"),
        "AddressLookupTab1e1111111111111111111111111" => Some("Address Lookup Table"),
        "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL" => Some("Associated Token Account"),
        "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr" => Some("Memo"),
        _ => None,
    }
}

/// What an instruction does, as far as it is decoded here.
pub(super) fn action(program: &str, instruction: &Instruction) -> Action {
    let decoded = match program {
        SYSTEM => system(instruction),
        COMPUTE_BUDGET => compute_budget(instruction),
        TOKEN | TOKEN_2022 => token(instruction),
        LOADER => loader(instruction),
        _ => None,
    };
    decoded.unwrap_or(Action::NotDecoded { bytes: instruction.data.len() })
}

fn system(instruction: &Instruction) -> Option<Action> {
    let mut data = Reader::new(&instruction.data);
    let number = u32::from_le_bytes(data.array().ok()?);
    if number == 2 {
        let lamports = u64::from_le_bytes(data.array().ok()?);
        let [from, to] = *instruction.accounts.get(..2)? else { return None };
        data.finish().ok()?;
        return Some(Action::Transfer { lamports, from: show(from), to: show(to) });
    }
    let name = SYSTEM_NAMES.get(usize::try_from(number).ok()?)?;
    Some(Action::Named { name, bytes: data.rest().len() })
}

fn compute_budget(instruction: &Instruction) -> Option<Action> {
    let mut data = Reader::new(&instruction.data);
    match data.u8().ok()? {
        2 => Some(Action::ComputeUnitLimit { units: u32::from_le_bytes(whole(data)?) }),
        3 => Some(Action::ComputeUnitPrice { micro_lamports: u64::from_le_bytes(whole(data)?) }),
        _ => None,
    }
}

/// The kinds of authority of the token programs that both have, by their numbers.
const AUTHORITIES: [&str; 4] = ["MintTokens", "FreezeAccount", "AccountOwner", "CloseAccount"];

/// The token programs' instructions on amounts, and those that give control away.
fn token(instruction: &Instruction) -> Option<Action> {
    let mut data = Reader::new(&instruction.data);
    let number = data.u8().ok()?;
    match number {
        5 => {
            let [from, _owner] = first(instruction)?;
            data.finish().ok()?;
            Some(Action::Revoke { from: show(from) })
        }
        6 => {
            let [account, _authority] = first(instruction)?;
            let authority = AUTHORITIES.get(usize::from(data.u8().ok()?)).copied()?;
            let to = optional_key(data)?;
            Some(Action::SetAuthority { account: show(account), authority, to })
        }
        9 => {
            let [account, to, _owner] = first(instruction)?;
            data.finish().ok()?;
            Some(Action::CloseAccount { account: show(account), to: show(to) })
        }
        _ => token_amount(number, data, instruction),
    }
}

/// `Transfer` (3), `Approve` (4), `Burn` (8), and the same with the number of digits: 12, 13, 15.
fn token_amount(number: u8, mut data: Reader<'_>, instruction: &Instruction) -> Option<Action> {
    let amount = u64::from_le_bytes(data.array().ok()?);
    let decimals = if matches!(number, 12 | 13 | 15) { Some(data.u8().ok()?) } else { None };
    data.finish().ok()?;
    match number {
        3 => {
            let [from, to, _authority] = first(instruction)?;
            Some(Action::TokenTransfer { amount, decimals, mint: None, from: show(from), to: show(to) })
        }
        12 => {
            let [from, mint, to, _authority] = first(instruction)?;
            Some(Action::TokenTransfer { amount, decimals, mint: Some(show(mint)), from: show(from), to: show(to) })
        }
        4 => {
            let [from, delegate, _owner] = first(instruction)?;
            Some(Action::Approve { amount, mint: None, from: show(from), delegate: show(delegate) })
        }
        13 => {
            let [from, mint, delegate, _owner] = first(instruction)?;
            Some(Action::Approve { amount, mint: Some(show(mint)), from: show(from), delegate: show(delegate) })
        }
        8 | 15 => {
            let [from, mint, _owner] = first(instruction)?;
            Some(Action::Burn { amount, mint: show(mint), from: show(from) })
        }
        _ => None,
    }
}

/// `Upgrade` (3), `SetAuthority` (4) and `SetAuthorityChecked` (7) of the loader.
fn loader(instruction: &Instruction) -> Option<Action> {
    let mut data = Reader::new(&instruction.data);
    let number = u32::from_le_bytes(data.array().ok()?);
    data.finish().ok()?;
    match number {
        3 => {
            let [_data, program, buffer, spill, _rent, _clock, _authority] = first(instruction)?;
            Some(Action::Upgrade { program: show(program), buffer: show(buffer), spill: show(spill) })
        }
        4 => {
            let [account, _authority] = first(instruction)?;
            // Without a third account nobody can upgrade it any more.
            let to = instruction.accounts.get(2).map(|to| show(*to));
            Some(Action::SetAuthority { account: show(account), authority: "Upgrade", to })
        }
        7 => {
            let [account, _authority, to] = first(instruction)?;
            Some(Action::SetAuthority { account: show(account), authority: "Upgrade", to: Some(show(to)) })
        }
        _ => None,
    }
}

/// The first accounts; there may be more, of further signers.
fn first<const N: usize>(instruction: &Instruction) -> Option<[Option<[u8; 32]>; N]> {
    instruction.accounts.first_chunk::<N>().copied()
}

/// A byte that says whether a key follows, the key, and nothing behind.
fn optional_key(mut data: Reader<'_>) -> Option<Option<String>> {
    let key = match data.u8().ok()? {
        0 => None,
        1 => Some(show(Some(data.array().ok()?))),
        _ => return None,
    };
    data.finish().ok().map(|()| key)
}

/// All the rest, if it has that length.
fn whole<const N: usize>(mut data: Reader<'_>) -> Option<[u8; N]> {
    let value = data.array().ok()?;
    data.finish().ok().map(|()| value)
}

fn show(account: Option<[u8; 32]>) -> String {
    account.map_or_else(|| "an account from a lookup table".to_owned(), |account| bs58::encode(account).into_string())
}
