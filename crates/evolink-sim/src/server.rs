//! The accept loop. Its own, because a server that always answers politely could not cut a connection.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};

use crate::app::App;
use crate::handle::respond;

/// How long requests in flight may take at a shutdown.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// Accepts until the simulator ends.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.background.stopping() => return,
        };
        match accepted {
            Ok((stream, _)) => app.background.spawn(connection(Arc::clone(&app), stream)),
            Err(error) => {
                // Out of file descriptors, most likely: give the others time to end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(app: Arc<App>, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay");
    }
    let background = app.background.clone();
    let mut builder = Builder::new(background.clone());
    // A client's idle connection is its own business.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None);
    builder.http2().timer(TokioTimer::new());
    let service = service_fn(move |request| respond(Arc::clone(&app), request));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = background.stopping() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(DRAIN, connection).await.ok()
        }
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
