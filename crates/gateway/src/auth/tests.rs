//! Who gets in, and who does not: whole credentials against whole settings.

mod bad_tokens;
mod good_tokens;
mod http;
mod kit;
mod providers;
mod remembered;
