//! `quorate node`: runs a cosigner.

use quorate::{
    config::{Config, SOCKET_FILE},
    node,
};
use tokio::signal::unix::{SignalKind, signal};

use super::{passphrase_if, runtime};
use crate::{args::NodeArgs, failure::Failure, output::Output};

pub(super) fn run(args: &NodeArgs, output: Output) -> Result<(), Failure> {
    let config = Config::load(&args.dir)?;
    let passphrase = passphrase_if(config.key_service.passphrase, &args.passphrase, false)?;
    let socket = args.dir.join(SOCKET_FILE);
    let ready = || {
        let listen = Some(config.listen.as_str()).filter(|listen| !listen.is_empty());
        let value = serde_json::json!({"ready": true, "name": config.name, "listen": listen, "socket": socket});
        let wire = listen.map_or_else(|| "messages over NATS".to_owned(), |listen| format!("listens at {listen}"));
        let text = format!("{} is ready: {wire}, control socket {}", config.name, socket.display());
        // A supervisor that closed our output does not stop a cosigner.
        drop(output.answer(&value, &text));
    };
    let spinner = output.spinner("opening the store");
    let ready = move || {
        drop(spinner);
        ready();
    };
    let stop_with_stdin = args.stop_with_stdin;
    let runtime = runtime()?;
    let stopped = runtime.block_on(node::run(&args.dir, passphrase, shutdown(stop_with_stdin), ready));
    // A thread may still wait for standard input; nothing else does.
    runtime.shutdown_background();
    stopped?;
    output.note("stopped");
    Ok(())
}

/// Resolves when the cosigner should stop: Ctrl-C, SIGTERM, or the end of standard input if that was asked for.
async fn shutdown(with_stdin: bool) {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => core::future::pending().await,
        }
    };
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            core::future::pending::<()>().await;
        }
    };
    let closed = async {
        if with_stdin {
            // Any error is an end as well.
            drop(tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await);
        } else {
            core::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = terminated => {}
        () = interrupted => {}
        () = closed => {}
    }
}
