//! Main, test and regression-test networks, and the prefixes that tell them apart.

use core::fmt;

/// Which of a chain's networks an address is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Network {
    /// Where the money is.
    #[default]
    Mainnet,
    /// The public test network.
    Testnet,
    /// A network of one's own, for tests.
    Regtest,
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mainnet, Self::Testnet, Self::Regtest];
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mainnet => "main network",
            Self::Testnet => "test network",
            Self::Regtest => "regression test network",
        })
    }
}

/// Something of which each network has its own, or the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nets<T> {
    main: T,
    test: Option<T>,
    regtest: Option<T>,
}

impl<T: Copy + PartialEq> Nets<T> {
    /// The other networks' are not in the table.
    pub(crate) const fn main(main: T) -> Self {
        Self { main, test: None, regtest: None }
    }

    /// All networks have this one; addresses do not tell which they are for.
    pub(crate) const fn same(every: T) -> Self {
        Self { main: every, test: Some(every), regtest: Some(every) }
    }

    pub(crate) const fn two(main: T, test: T) -> Self {
        Self { main, test: Some(test), regtest: None }
    }

    pub(crate) const fn three(main: T, test: T, regtest: T) -> Self {
        Self { main, test: Some(test), regtest: Some(regtest) }
    }

    pub(crate) const fn of(&self, network: Network) -> Option<T> {
        match network {
            Network::Mainnet => Some(self.main),
            Network::Testnet => self.test,
            Network::Regtest => self.regtest,
        }
    }

    /// Which network has something that holds, asking the wanted one first.
    pub(crate) fn find(&self, wanted: Network, holds: impl Fn(T) -> bool) -> Option<Network> {
        [wanted].into_iter().chain(Network::ALL).find(|network| self.of(*network).is_some_and(&holds))
    }
}
