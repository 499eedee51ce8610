//! Stores that are put back to older copies, and the victim that dies on the way back: its own, or another one's.

use std::sync::Mutex;

use super::team::{Team, VICTIM, done, until};
use crate::rejoin::copy;

const NAMES: [&str; 3] = ["alice", "bob", "dave"];

impl Team {
    /// Puts a cosigner's store back to where it was two starts ago, and leaves it stopped. Those with whom it signed have seen it since.
    fn put_back(&mut self, name: &'static str, seen_by: [&str; 2]) {
        self.stop(name);
        let (store, yesterday) = (self.place.path(name).join("store"), self.place.path("yesterday"));
        copy(&store, &yesterday);
        for _ in 0..2 {
            self.start(name);
            self.wait_for_links();
            for peer in seen_by {
                let id = self.request();
                until("a signature", || done(&self.sign(name, peer, "pay ann", id)));
            }
            self.stop(name);
        }
        std::fs::remove_dir_all(&store).unwrap();
        std::fs::rename(&yesterday, &store).unwrap();
    }

    /// Waits until a cosigner knows that its store went back.
    fn stands_aside(&self, name: &str) {
        until("it knows", || {
            let said = self.place.at(name, "status");
            if said.out.contains("quorate rejoin") { Ok(()) } else { Err(said.out) }
        });
    }

    fn accepts(&self, by: &str, name: &str) {
        until("accepted", || {
            let said = self.place.at(by, &format!("peers --accept-rejoin {name}"));
            // It was accepted before the crash, or this one never saw what was lost.
            if said.err.contains("no alarm") { Ok(()) } else { done(&said) }
        });
    }

    pub(super) fn die_in_rejoin(&mut self, point: &str) {
        self.put_back(VICTIM, ["alice", "bob"]);
        if point.starts_with("stand-aside/") {
            self.spawn_and_die(point);
            self.stands_aside(VICTIM);
        } else {
            self.start(VICTIM);
            self.stands_aside(VICTIM);
            self.wait_for_links();
            self.until_killed(point, |team| team.place.at(VICTIM, "rejoin"));
        }
        // Nothing is signed by it before its way back is over, wherever it was cut off.
        let id = self.request();
        assert_ne!(self.sign(VICTIM, "alice", "pay ann", id).code, 0);
        until("rejoined", || {
            let said = self.place.at(VICTIM, "rejoin");
            if said.err.contains("nothing to rejoin") { Ok(()) } else { done(&said) }
        });
        self.stop(VICTIM);
        self.start(VICTIM);
        self.wait_for_links();
        assert_ne!(self.sign(VICTIM, "alice", "pay ann", id).code, 0);
        NAMES.iter().for_each(|name| self.accepts(name, VICTIM));
    }

    pub(super) fn die_in_acceptance(&mut self, point: &str) {
        self.put_back("bob", ["alice", VICTIM]);
        if point.starts_with("alarm/") {
            // The place is armed by then, or the alarm would be raised before.
            let bob = Mutex::new(None);
            self.until_killed(point, |team| {
                bob.lock().unwrap().get_or_insert_with(|| team.place.start("bob"));
                team.place.at(VICTIM, "status")
            });
            self.runs("bob", bob.into_inner().unwrap().unwrap());
        } else {
            self.start("bob");
        }
        until("the alarm", || {
            let said = self.place.at(VICTIM, "status");
            if said.out.contains("bob went back in time") { Ok(()) } else { Err(said.out) }
        });
        self.stands_aside("bob");
        until("rejoined", || done(&self.place.at("bob", "rejoin")));
        self.stop("bob");
        self.start("bob");
        self.wait_for_links();
        let id = self.request();
        assert_ne!(self.sign(VICTIM, "bob", "pay ann", id).code, 0);
        if !point.starts_with("alarm/") {
            self.until_killed(point, |team| team.place.at(VICTIM, "peers --accept-rejoin bob"));
        }
        [VICTIM, "alice", "dave"].iter().for_each(|name| self.accepts(name, "bob"));
    }
}
