//! Cosigners in network namespaces of their own, between which the kernel loses packets.
//!
//! ```text
//!   quorate-PID-1   quorate-PID-2   quorate-PID-3      10.99.0.1 … 10.99.0.3, one cosigner in each
//!        └───────────────┼───────────────┘
//!                 quorate-PID-hub                      a bridge
//! ```
//!
//! Two are cut by telling each a wrong hardware address of the other: the bridge has nobody to give the packets to. That takes no firewall.

use std::process::{Command, Stdio};

use super::Network;
use crate::{
    support::{Node, Place},
    wallet::NAMES,
};

/// Removes the namespaces when it is dropped.
pub(super) struct Namespaces(Vec<String>);

fn ip(arguments: &str) -> bool {
    let command = Command::new("ip").args(arguments.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.is_ok_and(|status| status.success())
}

impl Namespaces {
    /// Makes the namespaces and a team in them; nothing where this process may not.
    pub(super) fn start(place: &Place, names: &[&str]) -> Option<(Self, Vec<Node>)> {
        let this = std::process::id();
        let hub = format!("quorate-{this}-hub");
        if !ip(&format!("netns add {hub}")) {
            return None;
        }
        let mut made = Self(vec![hub.clone()]);
        if !ip(&format!("-n {hub} link add br0 type bridge")) || !ip(&format!("-n {hub} link set br0 up")) {
            return None;
        }
        for (name, number) in names.iter().zip(1..) {
            let namespace = format!("quorate-{this}-{number}");
            assert!(ip(&format!("netns add {namespace}")));
            made.0.push(namespace.clone());
            for step in [
                format!("-n {namespace} link add e0 address 02:00:00:00:00:0{number} type veth peer name v{number} netns {hub}"),
                format!("-n {hub} link set v{number} master br0"),
                format!("-n {hub} link set v{number} up"),
                format!("-n {namespace} addr add 10.99.0.{number}/24 dev e0"),
                format!("-n {namespace} link set e0 up"),
                format!("-n {namespace} link set lo up"),
            ] {
                assert!(ip(&step), "ip {step}");
            }
            place.init(name, 7001).succeeds();
            for file in ["quorate.toml", "roster-entry.toml"] {
                let path = place.path(name).join(file);
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, text.replace("127.0.0.1:7001", &format!("10.99.0.{number}:7001"))).unwrap();
            }
        }
        for name in names {
            place.add_to_roster(name, names).succeeds();
        }
        let nodes = names.iter().zip(&made.0[1..]).map(|(name, namespace)| place.start_in(name, namespace)).collect();
        place.wait_for_links(names);
        Some((made, nodes))
    }

    /// The namespace and number of one of alice, bob and carol.
    fn of(&self, name: &str) -> (&str, usize) {
        let number = NAMES.iter().position(|other| *other == name).unwrap() + 1;
        (&self.0[number], number)
    }

    fn tell(&self, one: &str, other: &str, last_digit: impl Fn(usize) -> String) {
        for (at, of) in [(one, other), (other, one)] {
            let (namespace, number) = (self.of(at).0, self.of(of).1);
            let address = last_digit(number);
            let told =
                format!("-n {namespace} neigh replace 10.99.0.{number} lladdr 02:00:00:00:00:{address} dev e0 nud permanent");
            assert!(ip(&told), "ip {told}");
        }
    }
}

impl Network for Namespaces {
    fn cut(&self, one: &str, other: &str) {
        self.tell(one, other, |number| format!("f{number}"));
    }

    fn heal(&self, one: &str, other: &str) {
        self.tell(one, other, |number| format!("0{number}"));
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in &self.0 {
            ip(&format!("netns del {namespace}"));
        }
    }
}
