//! `quorate requester`.

use quorate::request::Requester;

use crate::{args::RequesterCommand, failure::Failure, output::Output, requester};

pub(super) fn run(command: &RequesterCommand, output: Output) -> Result<(), Failure> {
    match command {
        RequesterCommand::New { file } => {
            let made = requester::create(file)?;
            output.note(&format!(
                "Made a key in {}. List its public half where the cosigners' configurations name requesters, approvers or credentials that \
                 freeze:\n",
                file.display()
            ));
            show(&made, output)
        }
        RequesterCommand::Show { file } => show(&requester::read(file)?, output),
    }
}

fn show(requester: &Requester, output: Output) -> Result<(), Failure> {
    let key = requester.key().to_string();
    output.answer(&serde_json::json!({ "key": key }), &key)
}
