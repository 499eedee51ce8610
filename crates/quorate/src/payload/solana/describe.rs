//! A Solana message in words and numbers.

use core::fmt;

use super::{
    super::{
        Description, Details,
        effect::{Asset, Effect, spends},
    },
    parse::{Instruction, Parsed},
    programs,
};

/// What the network takes for a signature.
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
/// The most units of computation that a transaction can have.
const MAX_UNITS: u64 = 1_400_000;
/// From here on an approval is one of all there is: half of what a token can have at most.
const UNLIMITED: u64 = 1 << 63;

/// A Solana message in numbers and base58 addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SolanaDetails {
    /// The address of this key.
    pub own: String,
    /// Who pays the fee.
    pub fee_payer: String,
    /// Whether that is this key.
    pub pays_fee: bool,
    /// The most that the fee can be, in lamports: for the signatures, and for the computation at its price. Signatures that a
    /// precompiled program verifies cost 5000 more each.
    pub max_fee: u64,
    /// The lamports that this key loses to decoded transfers, and to the fee if it pays it.
    pub spent: u64,
    /// The blockhash that limits the message's life, or a nonce.
    pub recent_blockhash: String,
    /// All accounts that must sign.
    pub signers: Vec<String>,
    /// The calls, in order.
    pub instructions: Vec<InstructionDetails>,
    /// The lookup tables that the message takes accounts from.
    pub lookup_tables: Vec<String>,
}

/// One call of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstructionDetails {
    /// The program's address.
    pub program: String,
    /// Its name, if it is known here.
    pub program_name: Option<&'static str>,
    /// What it is called to do.
    pub action: Action,
    /// The accounts that it touches; `None` where the account comes from a lookup table and cannot be told.
    pub accounts: Vec<Option<String>>,
}

/// What an instruction does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Moves lamports (10⁻⁹ SOL).
    Transfer {
        /// How many.
        lamports: u64,
        /// From which account.
        from: String,
        /// To which account.
        to: String,
    },
    /// Moves tokens between token accounts.
    TokenTransfer {
        /// How many of the smallest unit.
        amount: u64,
        /// How many digits follow the point, if the instruction says it.
        decimals: Option<u8>,
        /// Which token, if the instruction says it.
        mint: Option<String>,
        /// From which token account.
        from: String,
        /// To which token account.
        to: String,
    },
    /// Lets somebody take tokens from a token account.
    Approve {
        /// How many of the smallest unit.
        amount: u64,
        /// Which token, if the instruction says it.
        mint: Option<String>,
        /// From which token account.
        from: String,
        /// Who may.
        delegate: String,
    },
    /// Takes such permission back.
    Revoke {
        /// From which token account.
        from: String,
    },
    /// Burns tokens.
    Burn {
        /// How many of the smallest unit.
        amount: u64,
        /// Which token.
        mint: String,
        /// From which token account.
        from: String,
    },
    /// Closes a token account, and gives what it holds of lamports to somebody: all of it, if it is an account of wrapped SOL.
    CloseAccount {
        /// Which.
        account: String,
        /// To whom.
        to: String,
    },
    /// Gives control of an account, mint or program to somebody, or to nobody for ever.
    SetAuthority {
        /// Of what.
        account: String,
        /// Control of what kind.
        authority: &'static str,
        /// To whom.
        to: Option<String>,
    },
    /// Gives a program other code.
    Upgrade {
        /// Which.
        program: String,
        /// The account that holds the code.
        buffer: String,
        /// Who gets the lamports that are left.
        spill: String,
    },
    /// Limits the computation.
    ComputeUnitLimit {
        /// Its units.
        units: u32,
    },
    /// Sets the price of computation, which is a part of the fee.
    ComputeUnitPrice {
        /// Millionths of a lamport a unit.
        micro_lamports: u64,
    },
    /// An instruction of which the name is known, and nothing else.
    Named {
        /// The name.
        name: &'static str,
        /// The bytes of its arguments.
        bytes: usize,
    },
    /// An instruction that is not understood here.
    NotDecoded {
        /// The bytes of its data.
        bytes: usize,
    },
}

impl InstructionDetails {
    /// Whether the description tells what the key with that address loses by the instruction: it is decoded, and does not give away
    /// what is left in an account, of which the message does not say how much it is.
    #[must_use]
    pub fn tells_cost(&self, own: &str) -> bool {
        let gives = if let Action::CloseAccount { to, .. } | Action::Upgrade { spill: to, .. } = &self.action {
            to != own
        } else {
            false
        };
        !gives && self.is_decoded()
    }

    /// Whether the description tells all that the instruction does, to accounts that it names.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        let known = match &self.action {
            Action::Transfer { .. }
            | Action::TokenTransfer { .. }
            | Action::Approve { .. }
            | Action::Revoke { .. }
            | Action::Burn { .. }
            | Action::CloseAccount { .. }
            | Action::SetAuthority { .. }
            | Action::Upgrade { .. }
            | Action::ComputeUnitLimit { .. }
            | Action::ComputeUnitPrice { .. } => true,
            Action::Named { .. } | Action::NotDecoded { .. } => false,
        };
        known && self.accounts.iter().all(Option::is_some)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer { lamports, from, to } => write!(f, "Transfer of {} from {from} to {to}", sol(*lamports)),
            Self::TokenTransfer { amount, decimals, mint, from, to } => {
                write!(f, "Transfer of {amount} units")?;
                decimals.iter().try_for_each(|decimals| write!(f, " (10^-{decimals})"))?;
                mint.iter().try_for_each(|mint| write!(f, " of {mint}"))?;
                write!(f, " from {from} to {to}")
            }
            Self::Approve { amount, mint, from, delegate } => {
                write!(f, "Approve: {delegate} may take {amount} units")?;
                mint.iter().try_for_each(|mint| write!(f, " of {mint}"))?;
                write!(f, " from {from}")
            }
            Self::Revoke { from } => write!(f, "Revoke: nobody else may take from {from} any more"),
            Self::Burn { amount, mint, from } => write!(f, "Burn of {amount} units of {mint} from {from}"),
            Self::CloseAccount { account, to } => write!(f, "CloseAccount {account}; its lamports go to {to}"),
            Self::SetAuthority { account, authority, to } => {
                write!(
                    f,
                    "SetAuthority: {} gets the authority {authority} of {account}",
                    to.as_deref().unwrap_or("nobody, for ever,")
                )
            }
            Self::Upgrade { program, buffer, spill } => {
                write!(f, "Upgrade of the program {program} with the code of {buffer}; lamports that are left go to {spill}")
            }
            Self::ComputeUnitLimit { units } => write!(f, "SetComputeUnitLimit to {units}"),
            Self::ComputeUnitPrice { micro_lamports } => {
                write!(f, "SetComputeUnitPrice to {micro_lamports} micro-lamports a unit")
            }
            Self::Named { name, bytes } => write!(f, "{name} with {bytes} bytes of arguments that are not decoded here"),
            Self::NotDecoded { bytes } => write!(f, "{bytes} bytes of data that are not decoded here"),
        }
    }
}

/// Describes the message to its signer number `slot`.
pub(super) fn describe(message: &Parsed, slot: usize) -> Description {
    let details = details(message, slot);
    let version = if message.versioned { "version 0" } else { "legacy" };
    let title = format!("Solana transaction ({version}) of {} instructions", details.instructions.len());
    let payer = if details.pays_fee { "this key" } else { "not this key" };
    let description = Description::new(&title)
        .line("fee payer", &format!("{} ({payer})", details.fee_payer))
        .line("fee", &format!("at most {}", sol(details.max_fee)))
        .line("recent blockhash", &details.recent_blockhash)
        .line("signers", &details.signers.join(", "));
    let description = details.instructions.iter().enumerate().fold(description, |description, (index, instruction)| {
        description.line(&format!("instruction {index}"), &instruction.to_string())
    });
    let description =
        details.lookup_tables.iter().fold(description, |description, table| description.line("lookup table", table));
    let mut effects: Vec<Effect> =
        details.instructions.iter().enumerate().flat_map(|(index, call)| effects(index, call, &details.own)).collect();
    for table in &details.lookup_tables {
        effects.push(Effect::Call { contract: table.clone() });
    }
    // Transfers of others are not this key's; tokens are counted whoever holds them, since the message does not say.
    let tokens = spends(&effects, None).into_iter().filter(|(asset, _)| asset.is_token());
    let spends = tokens.chain([(Asset::solana(), details.spent.into())]).collect();
    description.details(Details::Solana(details)).effects(effects, spends)
}

/// What an instruction does. Of the signers, only this key is itself: others that sign can be anybody.
fn effects(index: usize, call: &InstructionDetails, own_key: &str) -> Vec<Effect> {
    let (program, own) = (call.program.clone(), |account: &String| account.clone());
    let owner =
        |account: &String, method: String, owner: Option<String>| Effect::OwnerChange { contract: own(account), method, owner };
    let mut effects = match &call.action {
        Action::Transfer { lamports, to, .. } => {
            vec![Effect::Transfer { asset: Asset::solana(), to: own(to), amount: (*lamports).into() }]
        }
        Action::TokenTransfer { amount, mint, to, .. } => {
            vec![Effect::Transfer { asset: Asset::mint(mint.as_deref()), to: own(to), amount: (*amount).into() }]
        }
        Action::Approve { amount, mint, delegate, .. } => vec![Effect::Approval {
            asset: Asset::mint(mint.as_deref()),
            spender: own(delegate),
            amount: (*amount).into(),
            unlimited: *amount >= UNLIMITED,
        }],
        Action::Burn { amount, mint, .. } => {
            vec![Effect::Transfer { asset: Asset::mint(Some(mint)), to: "nobody (burnt)".to_owned(), amount: (*amount).into() }]
        }
        Action::CloseAccount { account, to } => left(account, to, own_key),
        Action::SetAuthority { account, authority, to } => {
            vec![owner(account, format!("SetAuthority ({authority})"), to.clone())]
        }
        Action::Upgrade { program, buffer, spill } => {
            let upgrade = Effect::Upgrade { contract: own(program), code: own(buffer) };
            [vec![upgrade], left(buffer, spill, own_key)].concat()
        }
        Action::Revoke { .. } | Action::ComputeUnitLimit { .. } | Action::ComputeUnitPrice { .. } => Vec::new(),
        Action::Named { .. } | Action::NotDecoded { .. } => vec![Effect::Call { contract: program }],
    };
    if !call.is_decoded() {
        let name = call.program_name.unwrap_or(&call.program);
        effects.push(Effect::Undecoded { what: format!("instruction {index} of {name}") });
    }
    effects
}

/// What is left in an account goes to somebody: it can be wrapped coins, and how many is not in the message.
fn left(account: &str, to: &str, own_key: &str) -> Vec<Effect> {
    if to == own_key {
        return Vec::new();
    }
    vec![
        Effect::Transfer { asset: Asset::solana(), to: to.to_owned(), amount: 0 },
        Effect::Undecoded { what: format!("how many lamports of {account} go to {to}") },
    ]
}

impl fmt::Display for InstructionDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.program_name {
            Some(name) => write!(f, "{name}: {}", self.action)?,
            None => write!(f, "{}: {}", self.program, self.action)?,
        }
        match self.accounts.iter().filter(|account| account.is_none()).count() {
            0 => Ok(()),
            hidden => write!(f, "; touches {hidden} accounts from lookup tables, which the message does not name"),
        }
    }
}

fn details(message: &Parsed, slot: usize) -> SolanaDetails {
    let signers: Vec<String> = message.signers().map(base58).collect();
    let instructions: Vec<InstructionDetails> = message.instructions.iter().map(instruction).collect();
    let pays_fee = slot == 0;
    let max_fee = max_fee(message.signer_count(), &instructions);
    let own = signers.get(slot).cloned().unwrap_or_default();
    let sent = instructions.iter().filter_map(|call| {
        if let Action::Transfer { lamports, from, .. } = &call.action { (*from == own).then_some(*lamports) } else { None }
    });
    let spent = sent.fold(if pays_fee { max_fee } else { 0 }, u64::saturating_add);
    SolanaDetails {
        own,
        max_fee,
        spent,
        fee_payer: signers.first().cloned().unwrap_or_default(),
        pays_fee,
        recent_blockhash: base58(&message.recent_blockhash),
        signers,
        instructions,
        lookup_tables: message.lookups.iter().map(|lookup| base58(&lookup.table)).collect(),
    }
}

/// The fee of the signatures, and the highest price of computation times its limit.
fn max_fee(signers: u8, instructions: &[InstructionDetails]) -> u64 {
    let highest = |value: fn(&Action) -> Option<u64>| instructions.iter().filter_map(|call| value(&call.action)).max();
    let units = highest(|action| if let Action::ComputeUnitLimit { units } = action { Some(u64::from(*units)) } else { None });
    let price =
        highest(|action| if let Action::ComputeUnitPrice { micro_lamports } = action { Some(*micro_lamports) } else { None });
    let units = units.unwrap_or(MAX_UNITS).min(MAX_UNITS);
    let priority = u128::from(units).saturating_mul(u128::from(price.unwrap_or(0))).div_ceil(1_000_000);
    LAMPORTS_PER_SIGNATURE.saturating_mul(u64::from(signers)).saturating_add(u64::try_from(priority).unwrap_or(u64::MAX))
}

fn instruction(instruction: &Instruction) -> InstructionDetails {
    let program = base58(&instruction.program);
    InstructionDetails {
        program_name: programs::name(&program),
        action: programs::action(&program, instruction),
        accounts: instruction.accounts.iter().map(|account| account.as_ref().map(base58)).collect(),
        program,
    }
}

fn base58(bytes: &[u8; 32]) -> String {
    bs58::encode(bytes).into_string()
}

fn sol(lamports: u64) -> String {
    format!("{}.{:09} SOL", lamports / 1_000_000_000, lamports % 1_000_000_000)
}
