//! What a report was measured on.

use std::process::Command;

use serde::Serialize;

/// Processor extensions that some step of some protocol can use.
const FLAGS_OF_NOTE: [&str; 11] =
    ["aes", "pclmulqdq", "sha_ni", "vaes", "vpclmulqdq", "gfni", "avx2", "avx512f", "avx512ifma", "bmi2", "adx"];

#[derive(Serialize)]
pub struct Host {
    pub processors: usize,
    pub model: String,
    pub flags_of_note: Vec<&'static str>,
    pub pinned_to: Option<usize>,
    pub architecture: &'static str,
    pub compiler: &'static str,
    pub date: String,
}

impl Host {
    pub fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
        };
        let flags: Vec<_> = field("flags").split_whitespace().collect();
        let date = Command::new("date").args(["-u", "+%F"]).output();
        Self {
            processors: std::thread::available_parallelism().map_or(0, Into::into),
            model: field("model name").to_owned(),
            flags_of_note: FLAGS_OF_NOTE.into_iter().filter(|flag| flags.contains(flag)).collect(),
            pinned_to: None,
            architecture: std::env::consts::ARCH,
            compiler: env!("COMPILER"),
            date: date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default(),
        }
    }
}
