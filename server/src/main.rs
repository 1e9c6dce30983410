//! The command: flags, start, stop.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use sixlane_server::{
    BreakerSetting, Config, DegradationSetting, IN_MEMORY, Listeners, Mount, RateLimit, build_router, serve,
};

/// The companion server of sixlane: seeded data, faults on order and exact observations.
///
/// Listens on the loopback addresses only.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// The port; 0 picks a free one.
    #[arg(long, env = "SIXLANE_PORT", default_value_t = 8787)]
    port: u16,

    /// Makes a certificate that nobody signed, and speaks HTTP/2 and HTTP/1.1 behind TLS.
    #[arg(long, env = "SIXLANE_TLS")]
    tls: bool,

    /// The database; `sqlite:path` makes and keeps a file.
    #[arg(long, env = "SIXLANE_DATABASE", value_name = "URL", default_value = IN_MEMORY)]
    database: String,

    /// The folder that is served at `/`.
    #[arg(long, env = "SIXLANE_SITE", value_name = "DIR")]
    site: Option<PathBuf>,

    /// One more folder to serve; may be given many times, in the environment with commas between.
    #[arg(long = "mount", env = "SIXLANE_MOUNT", value_name = "/PREFIX=DIR", value_delimiter = ',')]
    mounts: Vec<Mount>,

    /// What one client may do under `/api`: `token-bucket:CAPACITY:RATE:INTERVAL` or `sliding-window:LIMIT:WINDOW`,
    /// times in milliseconds. Without it: anything.
    #[arg(long, env = "SIXLANE_RATE_LIMIT", value_name = "LIMIT")]
    rate_limit: Option<RateLimit>,

    /// After so many failures of the database in a row, requests that need it are refused for so long; or `off`.
    #[arg(long, env = "SIXLANE_BREAKER", value_name = "FAILURES:MILLISECONDS", default_value = "5:10000")]
    breaker: BreakerSetting,

    /// Whether fewer requests are taken at once, and some answered with what was prepared, while it does badly: on or off.
    #[arg(long, env = "SIXLANE_DEGRADATION", value_name = "on|off", default_value = "on")]
    degradation: DegradationSetting,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sixlane-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn std::error::Error>> {
    let Flags { port, tls, database, site, mounts, rate_limit, breaker, degradation } = flags;
    // Before anything is said: a stop right after the ready line must already be an orderly one.
    let stop = stop_asked()?;
    let tls = if tls { Some(sixlane_server::tls()?) } else { None };
    let router = build_router(&Config { database, site, mounts, rate_limit, breaker, degradation }).await?;
    let listeners =
        Listeners::bind(port).await.map_err(|error| format!("cannot use port {port}: {error}"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    writeln!(io::stdout(), "sixlane demo: {scheme}://127.0.0.1:{}/", listeners.port())?;
    serve(listeners, tls, router, stop).await;
    Ok(())
}

/// Is done at the first SIGINT or SIGTERM.
#[cfg(unix)]
fn stop_asked() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Is done at the first Ctrl-C.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
fn stop_asked() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // With no way to be told to stop, the process is stopped from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_flags_fit_together() {
        Flags::command().debug_assert();
    }

    #[test]
    fn folders_can_be_given_many_times() {
        let flags =
            Flags::try_parse_from(["sixlane-server", "--port", "0", "--mount", "/a=x", "--mount", "/b=y"])
                .unwrap();
        assert_eq!(flags.mounts, ["/a=x".parse().unwrap(), "/b=y".parse().unwrap()]);
    }

    #[test]
    fn wrong_flags_say_what_is_wrong() {
        for (flags, reason) in [
            (["--port", "70000"], "70000"),
            (["--mount", "js"], "a mount is written /prefix=DIR"),
            (["--sight", "x"], "--sight"),
            (["--rate-limit", "10"], "a rate limit is written token-bucket:CAPACITY:RATE:INTERVAL"),
            (["--degradation", "some"], "degradation is on or off"),
            (["--breaker", "often"], "a breaker is written FAILURES:MILLISECONDS, or off"),
        ] {
            let error = Flags::try_parse_from([&["sixlane-server"][..], &flags].concat()).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
