//! The listeners over real sockets, with clients that do what no client should.

mod drain;
mod http2;
mod kit;
mod limits;
mod patience;
