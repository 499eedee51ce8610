//! `quorate refresh`, `reshare`, `evict`, `repair`, `plans`, `consent`.

use clap::Args;

use super::Connection;

/// Which keys are dealt anew.
#[derive(Args, Clone, Debug)]
pub(crate) struct Dealt {
    /// Wallets' names, or keys' ids. All must be held by the same cosigners at the same places.
    #[arg(value_name = "WALLET", required = true)]
    pub(crate) keys: Vec<String>,
    /// Only the keys of this suite.
    #[arg(long, value_name = "SUITE")]
    pub(crate) suite: Option<String>,
    /// Name the request, 64 hexadecimal digits [default: random].
    #[arg(long, value_name = "HEX")]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct ReshareArgs {
    #[command(flatten)]
    pub(crate) dealt: Dealt,
    /// How many participants sign from now on [default: as many as before].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) min_signers: Option<u16>,
    /// Give a share to this cosigner of the roster as well. Repeat it for several.
    #[arg(long, value_name = "NAME")]
    pub(crate) add: Vec<String>,
    /// Give no share to this holder any more. Repeat it for several.
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Vec<String>,
    /// A holder moved: ask every holder anew which domains can reach its share.
    #[arg(long)]
    pub(crate) moved: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EvictArgs {
    #[command(flatten)]
    pub(crate) dealt: Dealt,
    /// Who gets no share any more. It need not answer.
    #[arg(long, value_name = "NAME")]
    pub(crate) participant: String,
    /// Who gets a share in its place: another cosigner of every participant's roster.
    #[arg(long, value_name = "NAME")]
    pub(crate) replace_with: Option<String>,
    /// How many participants sign from now on [default: as many as before].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) min_signers: Option<u16>,
}

#[derive(Args, Debug)]
pub(crate) struct ConsentArgs {
    /// The plan, 64 hexadecimal digits, as `quorate plans` lists it.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}
