//! Looks for a secret in this process's own memory, as whoever has a core dump would. Linux only: it reads `/proc/self/mem`.
//!
//! It sees every writable mapping, freed blocks of the heap included, but for the stack of the thread that asks: scalars pass over
//! the stack by value, and what they leave there is overwritten by later calls and not by us.

use core::{any::type_name, cell::Cell};
use std::{env, fs, os::unix::fs::FileExt, process::Command, string::String, thread_local, vec, vec::Vec};

/// How the needle is kept, so that it is not found in itself.
const MASK: u8 = 0xa5;
const CHUNK: usize = 1 << 20;
/// A test's own frame, and those that called it, above the address that [`alone`] takes.
const FRAME: usize = 8 << 10;

/// Set in the process that searches.
const ALONE: &str = "QUORATE_SEARCHES_ALONE";

thread_local! {
    static STACK: Cell<usize> = const { Cell::new(0) };
}

/// Runs a test that searches, in a process of its own: threads of other tests leave on their stacks what passed over them, and their
/// searches copy what this one looks for. Give it the body of a test, as a closure: the test is found by the closure's name.
pub(crate) fn alone<T: Fn()>(test: T) {
    if env::var_os(ALONE).is_some() {
        let here = 0_u8;
        STACK.set(core::ptr::from_ref(&here).addr());
        return test();
    }
    let (_, name) = type_name::<T>().split_once("::").unwrap();
    let name = name.trim_end_matches("::{{closure}}");
    let mut command = Command::new(env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--test-threads=1", "--nocapture"]).env(ALONE, "1").output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{name}, alone:\n{said}{complained}");
}

/// Bytes to look for.
pub(crate) struct Needle(Vec<u8>);

impl Needle {
    /// The second half of a secret: the allocator writes its own data over the first bytes of a block that it takes back.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(secret[secret.len() / 2..].iter().map(|byte| byte ^ MASK).collect())
    }

    /// How often the bytes stand in memory; some are counted twice, for the search copies what it looks at.
    pub(crate) fn hits(&self) -> usize {
        let mut chunk = vec![0; CHUNK];
        let stack = STACK.get();
        assert_ne!(stack, 0, "a test that searches does so `alone`");
        let memory = fs::File::open("/proc/self/mem").unwrap();
        let mut hits = 0;
        for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
            let mut fields = line.split(' ');
            let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
            let (from, to) = range.split_once('-').unwrap();
            let [mut from, to] = [from, to].map(|address| usize::from_str_radix(address, 16).unwrap());
            if !rights.starts_with("rw") {
                continue;
            }
            // Above the stack there may be a heap in the same mapping.
            if (from..to).contains(&stack) {
                from = to.min(stack + FRAME);
            }
            while from < to {
                let length = CHUNK.min(to - from);
                // A mapping may be gone by now.
                let Ok(read) = memory.read_at(&mut chunk[..length], u64::try_from(from).unwrap()) else { break };
                hits += self.count(&chunk[..read]);
                // The next chunk overlaps, so that nothing is missed between the two.
                from += if length == CHUNK { CHUNK - self.0.len() } else { length };
            }
        }
        chunk.fill(0);
        hits
    }

    fn count(&self, bytes: &[u8]) -> usize {
        let first = self.0[0] ^ MASK;
        let fits = |window: &&[u8]| window[0] == first && window.iter().zip(&self.0).all(|(byte, masked)| byte ^ MASK == *masked);
        bytes.windows(self.0.len()).filter(fits).count()
    }
}
