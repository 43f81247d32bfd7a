//! Named points of a task's life at which a test ends this process, as `kill -9` would.
//!
//! They are in builds with the feature `failpoints` alone, which are for tests; in every other build all of
//! this is nothing. `EVOGATE_FAIL_POINT=submit.held` ends the process when it passes the point of that name,
//! `submit.held:3` when it does so for the third time; `submit.held:1:stop` stops it there (SIGSTOP), until
//! somebody lets it go on.
//!
//! | point | |
//! |---|---|
//! | `submit.before_hold` | a valid submit, of which the store knows nothing |
//! | `submit.held` | the hold is taken |
//! | `submit.before_connect` | the request to EvoLink is ready |
//! | `submit.half_sent` | half of its body is on the wire |
//! | `submit.sent` | all of it is, and no answer is there |
//! | `submit.answered` | the answer is read, and not bound |
//! | `submit.bound` | it is bound, and the client has no answer |
//! | `callback.before_mark` | a callback with a good token, of which the store knows nothing |
//! | `read.before` | a worker is about to read a task from EvoLink |
//! | `read.before_settle` | EvoLink says that a task ended, and the store does not know it |
//! | `cancel.wanted` | a wish to cancel is stored, and not sent |
//! | `cancel.sent` | EvoLink has answered to it, and the task was not read |
//! | `worker.claimed` | a worker holds a lease, and has done nothing |
//! | `webhook.claimed` | the same of a worker for webhooks |
//! | `webhook.sent` | a webhook was sent, and that is not recorded |

#[cfg(feature = "failpoints")]
pub use armed::{on_the_wire, pass};
#[cfg(not(feature = "failpoints"))]
pub use disarmed::{on_the_wire, pass};

#[cfg(not(feature = "failpoints"))]
mod disarmed {
    /// Nothing.
    #[inline]
    pub const fn pass(_: &str) {}

    /// The body as it is.
    #[inline]
    pub fn on_the_wire<B>(body: B) -> B {
        body
    }
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::pin::Pin;
    use std::process::abort;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Context, Poll};
    use std::time::Duration;

    use bytes::Bytes;
    use http_body::{Body, Frame, SizeHint};

    /// Which point, at which pass, and whether it stops there only.
    const VARIABLE: &str = "EVOGATE_FAIL_POINT";
    /// What the kernel gets before it is too late, it has: the process ends this long after.
    const ON_ITS_WAY: Duration = Duration::from_millis(50);

    #[derive(Debug)]
    struct Ordered {
        point: String,
        pass: u64,
        stop: bool,
    }

    impl Ordered {
        fn read() -> Option<Self> {
            let text = std::env::var(VARIABLE).ok()?;
            let mut words = text.split(':');
            Some(Self {
                point: words.next()?.to_owned(),
                pass: words.next().map_or(Some(1), |pass| pass.parse().ok())?,
                stop: words.next() == Some("stop"),
            })
        }
    }

    /// Ends the process if this is where it shall end.
    pub fn pass(point: &str) {
        if let Some(ordered) = due(point) {
            if ordered.stop {
                stop();
            } else {
                abort();
            }
        }
    }

    fn due(point: &str) -> Option<&'static Ordered> {
        static ORDERED: OnceLock<Option<Ordered>> = OnceLock::new();
        static PASSES: AtomicU64 = AtomicU64::new(0);
        let ordered = ORDERED.get_or_init(Ordered::read).as_ref()?;
        let here = ordered.point == point
            && PASSES.fetch_add(1, Ordering::Relaxed).saturating_add(1) == ordered.pass;
        here.then_some(ordered)
    }

    /// Stands still, all threads of it, until somebody sends SIGCONT. The shell's own `kill`: a small
    /// machine may have no other.
    fn stop() {
        let script = format!("kill -STOP {}", std::process::id());
        let _ = std::process::Command::new("sh")
            .args(["-c", &script])
            .status();
        // One thread takes the signal, and may be late; this one must not go on before.
        std::thread::sleep(Duration::from_secs(1));
    }

    /// Ends the process when the kernel has had the time to send what it was given.
    fn end_soon() {
        std::thread::spawn(|| {
            std::thread::sleep(ON_ITS_WAY);
            abort();
        });
    }

    /// A body with the points `submit.half_sent` and `submit.sent`.
    pub fn on_the_wire<B>(body: B) -> OnTheWire<B> {
        OnTheWire { body, stuck: false }
    }

    /// See [`on_the_wire`].
    #[derive(Debug)]
    pub struct OnTheWire<B> {
        body: B,
        stuck: bool,
    }

    impl<B: Body<Data = Bytes> + Unpin> Body for OnTheWire<B> {
        type Data = Bytes;
        type Error = B::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
            if self.stuck {
                return Poll::Pending;
            }
            let polled = Pin::new(&mut self.body).poll_frame(context);
            let Poll::Ready(Some(Ok(frame))) = polled else {
                return polled;
            };
            let Ok(mut data) = frame.into_data() else {
                return Poll::Ready(None);
            };
            if due("submit.half_sent").is_some() {
                self.stuck = true;
                end_soon();
                data.truncate(data.len() / 2);
            } else if due("submit.sent").is_some() {
                end_soon();
            }
            Poll::Ready(Some(Ok(Frame::data(data))))
        }

        fn is_end_stream(&self) -> bool {
            !self.stuck && self.body.is_end_stream()
        }

        fn size_hint(&self) -> SizeHint {
            self.body.size_hint()
        }
    }
}
