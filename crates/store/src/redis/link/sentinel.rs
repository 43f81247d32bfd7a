//! A group of sentinels: they say which server is the primary.
//!
//! All are asked at the same time, and the address that most of them name is taken. A primary that was
//! replaced may go on answering for a while, so they are asked again every other second.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use redis::Value;
use tokio::time::{sleep, timeout};

use super::super::url::Address;
use super::dial::{Dial, Dialled, said};

/// How often the sentinels are asked whether the primary is still the same.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The sentinels, and what they watch.
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    /// The name under which they know the primary.
    primary: String,
    /// To a sentinel.
    dial: Dial,
    /// To the primary.
    server: Dial,
    /// How long a sentinel may take to answer.
    within: Duration,
}

impl Sentinels {
    pub(super) fn new(
        addresses: Vec<Address>,
        primary: String,
        dial: Dial,
        server: Dial,
        within: Duration,
    ) -> Self {
        Self {
            addresses,
            primary,
            dial,
            server,
            within,
        }
    }

    /// A connection to the primary.
    pub(super) async fn dial(&self) -> Result<(Dialled, Address), String> {
        let address = self.primary().await?;
        let mut dialled = self.server.address(&address).await?;
        let role = redis::cmd("ROLE");
        let role = timeout(self.within, dialled.ask(&role)).await;
        let role = role.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        match role.map_err(|why| format!("{address}: {why}"))? {
            // A user that may not ask learns it from the first refused write.
            Value::ServerError(_) => Ok((dialled, address)),
            Value::Array(role) if role.first() == Some(&Value::BulkString(b"master".to_vec())) => {
                Ok((dialled, address))
            }
            _ => Err(format!(
                "{address}: is no primary, though the sentinels say so"
            )),
        }
    }

    /// Comes back when most sentinels name another primary than this one.
    pub(super) async fn moved(&self, from: &Address) {
        loop {
            sleep(LOOK_AGAIN).await;
            if self.primary().await.is_ok_and(|now| now != *from) {
                return;
            }
        }
    }

    /// The address that most sentinels name, of those that answer.
    async fn primary(&self) -> Result<Address, String> {
        let mut asked: FuturesUnordered<_> = self
            .addresses
            .iter()
            .map(|sentinel| self.ask(sentinel))
            .collect();
        let mut named: HashMap<Address, usize> = HashMap::new();
        let mut faults = Vec::new();
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(address) => {
                    let votes = named.entry(address.clone()).or_default();
                    *votes += 1;
                    if *votes * 2 > self.addresses.len() {
                        return Ok(address);
                    }
                }
                Err(why) => faults.push(why),
            }
        }
        let most = named.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(address, _)| address)
            .ok_or_else(|| format!("no sentinel names a primary: {}", faults.join("; ")))
    }

    async fn ask(&self, sentinel: &Address) -> Result<Address, String> {
        let question = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&self.primary)
            .take();
        let answer = timeout(self.within, async {
            let mut dialled = self.dial.address(sentinel).await?;
            let answer = dialled.ask(&question).await;
            answer.map_err(|why| format!("{sentinel}: {why}"))
        });
        let answer = answer
            .await
            .map_err(|_| format!("{sentinel}: no answer in time"))??;
        match answer {
            Value::Array(parts) => match parts.as_slice() {
                [Value::BulkString(host), Value::BulkString(port)] => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let port = text(port).parse();
                    let port = port.map_err(|_| format!("{sentinel}: names no port"))?;
                    Ok(Address {
                        host: text(host),
                        port,
                    })
                }
                _ => Err(format!("{sentinel}: an answer that is none")),
            },
            Value::Nil => Err(format!("{sentinel}: knows no {:?}", self.primary)),
            Value::ServerError(error) => Err(format!("{sentinel}: {}", said(&error))),
            _ => Err(format!("{sentinel}: an answer that is none")),
        }
    }
}
