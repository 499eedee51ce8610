use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use super::*;

#[derive(Debug)]
struct Fake([u8; 32], Arc<AtomicBool>);

impl Item for Fake {
    fn id(&self) -> &[u8; 32] {
        &self.0
    }

    fn is_live(&self) -> bool {
        self.1.load(Ordering::SeqCst)
    }
}

fn line(proposer: u8, key: u8) -> Line {
    let signers = ParticipantSet::first(2).unwrap();
    Line { proposer: PeerId::new([proposer; 32]), key_id: [key; 32], epoch: 0, signers }
}

fn id(number: u64) -> [u8; 32] {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}

fn fakes(numbers: core::ops::Range<u64>) -> Vec<Fake> {
    numbers.map(|number| Fake(id(number), Arc::new(AtomicBool::new(true)))).collect()
}

fn ids(items: &[Fake]) -> Vec<[u8; 32]> {
    items.iter().map(|item| item.0).collect()
}

#[test]
fn what_is_taken_is_gone_and_comes_in_the_order_that_was_asked_for() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..4));
    assert!(pool.holds(&line(1, 1), &[id(2), id(0)]));
    assert_eq!(ids(&pool.take(&line(1, 1), &[id(2), id(0)]).unwrap()), [id(2), id(0)]);
    assert!(!pool.holds(&line(1, 1), &[id(2)]));
    assert!(pool.take(&line(1, 1), &[id(2)]).is_none());
    assert!(pool.take(&line(1, 1), &[id(1), id(0)]).is_none(), "all or none");
    assert_eq!(pool.count(&line(1, 1)), 2);
}

#[test]
fn one_that_is_named_twice_is_not_taken_at_all() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..4));
    assert!(!pool.holds(&line(1, 1), &[id(1), id(1)]));
    assert!(pool.take(&line(1, 1), &[id(1), id(1)]).is_none());
    assert_eq!(pool.count(&line(1, 1)), 4);
}

#[test]
fn what_one_proposed_is_not_anothers_nor_for_another_key() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..4));
    for other in [line(2, 1), line(1, 2), Line { epoch: 1, ..line(1, 1) }] {
        assert!(!pool.holds(&other, &[id(0)]));
        assert!(pool.take(&other, &[id(0)]).is_none() && pool.reserve(&other, 1).is_none());
    }
}

#[test]
fn reserved_ones_are_chosen_once_and_go_back_unless_they_are_spent() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..4));
    let first = pool.reserve(&line(1, 1), 2).unwrap();
    let second = pool.reserve(&line(1, 1), 2).unwrap();
    assert_eq!((first.ids(), second.ids()), (vec![id(0), id(1)], vec![id(2), id(3)]));
    assert!(pool.reserve(&line(1, 1), 1).is_none());
    drop(first);
    assert_eq!(ids(&second.spend()), [id(2), id(3)]);
    assert!(pool.reserve(&line(1, 1), 3).is_none());
    assert_eq!(pool.reserve(&line(1, 1), 2).unwrap().ids(), [id(0), id(1)]);
}

#[test]
fn dead_ones_are_dropped_and_never_chosen() {
    let pool = Pool::new(8);
    let items = fakes(0..3);
    let switches: Vec<_> = items.iter().map(|item| Arc::clone(&item.1)).collect();
    pool.put(&line(1, 1), items);
    switches[0].store(false, Ordering::SeqCst);
    assert!(!pool.holds(&line(1, 1), &[id(0)]) && pool.take(&line(1, 1), &[id(0)]).is_none());
    assert_eq!(pool.reserve(&line(1, 1), 1).unwrap().ids(), [id(1)]);
    switches.iter().for_each(|switch| switch.store(false, Ordering::SeqCst));
    pool.retain_live();
    assert_eq!((pool.count(&line(1, 1)), pool.held().lines.len()), (0, 0));
}

#[test]
fn pool_is_bounded_for_each_proposer_and_in_all_and_the_oldest_go() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..600));
    pool.put(&line(1, 2), fakes(600..1300));
    assert_eq!((pool.count(&line(1, 1)), pool.count(&line(1, 2))), (324, 700));
    assert!(!pool.holds(&line(1, 1), &[id(275)]) && pool.holds(&line(1, 1), &[id(276)]));
    for proposer in 2..=6 {
        pool.put(&line(proposer, 1), fakes(0..1024));
    }
    let all: usize = pool.held().lines.values().map(VecDeque::len).sum();
    assert_eq!((all, pool.count(&line(1, 1)), pool.count(&line(2, 1)), pool.count(&line(6, 1))), (4096, 0, 0, 1024));
}

#[test]
fn pool_of_no_depth_holds_none() {
    let pool = Pool::new(0);
    pool.put(&line(1, 1), fakes(0..4));
    assert_eq!(pool.count(&line(1, 1)), 0);
}

#[test]
fn line_is_filled_by_one_at_a_time() {
    let pool = Pool::<Fake>::new(8);
    let filling = pool.fill(&line(1, 1)).unwrap();
    assert!(pool.fill(&line(1, 1)).is_none() && pool.fill(&line(1, 2)).is_some());
    drop(filling);
    assert!(pool.fill(&line(1, 1)).is_some());
}

#[test]
fn what_is_dropped_with_its_key_does_not_come_back() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..4));
    pool.put(&line(2, 1), fakes(4..6));
    pool.put(&line(1, 2), fakes(6..8));
    let reserved = pool.reserve(&line(1, 1), 2).unwrap();
    pool.drop_keys(|key| *key == [1; 32]);
    drop(reserved);
    assert_eq!([(1, 1), (2, 1), (1, 2)].map(|(proposer, key)| pool.count(&line(proposer, key))), [0, 0, 2]);
    drop(pool.reserve(&line(1, 2), 1).unwrap());
    assert_eq!(pool.count(&line(1, 2)), 2);
}

/// Runs the same on 64 threads that start together, and gathers what each gets.
fn on_64_threads<T: Send>(act: impl Fn(u64) -> Vec<T> + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(64);
    std::thread::scope(|scope| {
        let run = |number| {
            let (act, start) = (&act, &start);
            move || {
                start.wait();
                act(number)
            }
        };
        let threads: Vec<_> = (0..64).map(|number| scope.spawn(run(number))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn what_64_threads_ask_for_by_its_number_one_of_them_gets() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..100));
    let got = on_64_threads(|_| (0..100).filter_map(|number| pool.take(&line(1, 1), &[id(number)])).flatten().collect());
    let mut got = ids(&got);
    got.sort_unstable();
    assert_eq!(got, (0..100).map(id).collect::<Vec<_>>());
}

#[test]
fn what_64_threads_choose_take_and_give_back_is_spent_once() {
    let pool = Pool::new(8);
    pool.put(&line(1, 1), fakes(0..1000));
    let spent = on_64_threads(|thread| {
        let mut mine = Vec::new();
        for turn in 0..200 {
            let of = |number: u64| (thread * 7 + turn * 13 + number) % 1000;
            match (thread + turn) % 4 {
                // A proposal that fails gives back what it chose.
                0 => drop(pool.reserve(&line(1, 1), 3)),
                1 | 2 => mine.extend(pool.reserve(&line(1, 1), 2).into_iter().flat_map(Reserved::spend)),
                _ => mine.extend(pool.take(&line(1, 1), &[id(of(0)), id(of(1))]).into_iter().flatten()),
            }
        }
        mine
    });
    let spent = ids(&spent);
    let different: BTreeSet<_> = spent.iter().collect();
    assert_eq!(different.len(), spent.len(), "one was spent twice");
    assert_eq!(spent.len() + pool.count(&line(1, 1)), 1000, "none is lost");
    assert!(spent.len() > 500, "{}", spent.len());
}
