//! The programs that are known here, and what their instructions mean.

use quorate_core::wire::Reader;

use super::{describe::Action, parse::Instruction};

const SYSTEM: &str = "11111111111111111111111111111111";
const COMPUTE_BUDGET: &str = "ComputeBudget111111111111111111111111111111";
const TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
const TOKEN_2022: &str = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb";

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
        "BPFLoaderUpgradeab1e11111111111111111111111" => Some("Upgradeable Loader"),
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

/// `Transfer` (3) and `TransferChecked` (12) of the token programs.
fn token(instruction: &Instruction) -> Option<Action> {
    let mut data = Reader::new(&instruction.data);
    let number = data.u8().ok()?;
    let amount = u64::from_le_bytes(data.array().ok()?);
    let (mint, from, to, decimals) = match number {
        3 => {
            let [from, to, _authority] = *instruction.accounts.get(..3)? else { return None };
            (None, from, to, None)
        }
        12 => {
            let [from, mint, to, _authority] = *instruction.accounts.get(..4)? else { return None };
            (Some(show(mint)), from, to, Some(data.u8().ok()?))
        }
        _ => return None,
    };
    data.finish().ok()?;
    Some(Action::TokenTransfer { amount, decimals, mint, from: show(from), to: show(to) })
}

/// All the rest, if it has that length.
fn whole<const N: usize>(mut data: Reader<'_>) -> Option<[u8; N]> {
    let value = data.array().ok()?;
    data.finish().ok().map(|()| value)
}

fn show(account: Option<[u8; 32]>) -> String {
    account.map_or_else(|| "an account from a lookup table".to_owned(), |account| bs58::encode(account).into_string())
}
