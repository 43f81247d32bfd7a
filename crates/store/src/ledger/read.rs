//! Reads an export line by line. It keeps one tenant at a time, and gives it out when it is whole and its
//! books add up.

use super::{Counts, FORMAT, Line, TaskRecord, TenantBooks, Trailer, VERSION};
use crate::admin::AdminRecord;
use crate::record::Tenant;

/// What a line made whole.
#[derive(Debug)]
pub enum Read {
    /// Nothing yet.
    More,
    /// A tenant, whose books add up.
    Tenant(Box<TenantBooks>),
    /// An admin's key.
    Admin(AdminRecord),
    /// The end: all was there.
    End,
}

/// A line that an export does not have there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Fault {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong.
    pub why: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Reader {
    line: u64,
    trailer: Trailer,
    tenant: Option<(Tenant, Parts)>,
    begun: bool,
    ended: bool,
}

/// What was read of a tenant so far.
#[derive(Debug, Default)]
struct Parts {
    keys: Vec<crate::record::KeyRecord>,
    endpoints: Vec<evogate_models::endpoint::Endpoint>,
    opening: Option<evogate_models::journal::Opening>,
    entries: Vec<evogate_models::journal::Entry>,
    tasks: std::collections::BTreeMap<evogate_models::TaskId, TaskRecord>,
    grants: Vec<super::GrantKey>,
    usage: Vec<super::Counted>,
    days: Vec<super::DaySums>,
    users: Vec<crate::usage::SeenUser>,
}

impl Reader {
    /// Lines read so far.
    pub fn counts(&self) -> Counts {
        self.trailer.counts
    }

    /// Reads the next line, without its end.
    pub fn line(&mut self, text: &[u8]) -> Result<Read, Fault> {
        self.line = self.line.saturating_add(1);
        let line = serde_json::from_slice(text);
        let line = line.map_err(|error| self.fault(format!("no record of an export: {error}")))?;
        self.take(line).map_err(|why| self.fault(why))
    }

    /// There are no more lines.
    pub fn end(&self) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        Err(Fault {
            line: self.line.saturating_add(1),
            why: "the file ends before its trailer: it was cut".to_owned(),
        })
    }

    /// Something is wrong with the line that was read last.
    pub(super) fn fault(&self, why: impl Into<String>) -> Fault {
        Fault {
            line: self.line,
            why: why.into(),
        }
    }

    fn take(&mut self, line: Line) -> Result<Read, String> {
        if self.ended {
            return Err("a line after the trailer".to_owned());
        }
        if self.begun == matches!(line, Line::Header(_)) {
            return Err("an export begins with one header".to_owned());
        }
        if let Line::Trailer(trailer) = line {
            return self.finish(&trailer);
        }
        self.trailer.counts.count(&line);
        match line {
            Line::Header(header) => {
                if header.format != FORMAT || header.version != VERSION {
                    let (format, version) = (header.format, header.version);
                    return Err(format!(
                        "{format} {version}, where {FORMAT} {VERSION} is understood"
                    ));
                }
                self.begun = true;
                Ok(Read::More)
            }
            Line::Tenant(tenant) => {
                if self.tenant.is_some() || self.trailer.accounts.contains_key(&tenant.id) {
                    return Err(format!("the tenant {} where none begins", tenant.id));
                }
                self.tenant = Some((tenant, Parts::default()));
                Ok(Read::More)
            }
            Line::Account(standing) => {
                let (tenant, parts) = self.tenant.take().ok_or("an account without a tenant")?;
                let id = tenant.id.clone();
                let books = Box::new(parts.whole(tenant, standing));
                books
                    .check()
                    .map_err(|why| format!("the books of {id}: {why}"))?;
                self.trailer.accounts.insert(id, books.standing.account);
                Ok(Read::Tenant(books))
            }
            Line::Admin(_) if self.tenant.is_some() => Err("an admin within a tenant".to_owned()),
            Line::Admin(admin) => Ok(Read::Admin(admin)),
            part => {
                let (_, parts) = self.tenant.as_mut().ok_or("a record without a tenant")?;
                parts.take(part);
                Ok(Read::More)
            }
        }
    }

    fn finish(&mut self, trailer: &Trailer) -> Result<Read, String> {
        if self.tenant.is_some() || *trailer != self.trailer {
            return Err("the trailer counts other lines or sums: some are missing".to_owned());
        }
        self.ended = true;
        Ok(Read::End)
    }
}

impl Parts {
    fn take(&mut self, line: Line) {
        match line {
            Line::Key(key) => self.keys.push(key),
            Line::Endpoint(endpoint) => self.endpoints.push(endpoint),
            Line::Task(record) => {
                self.tasks.insert(record.task.id.clone(), *record);
            }
            Line::Grant(grant) => self.grants.push(grant),
            Line::Usage(counted) => self.usage.push(counted),
            Line::Day(sums) => self.days.push(sums),
            Line::User(user) => self.users.push(user),
            Line::Opening(opening) => self.opening = Some(opening),
            Line::Entry(entry) => self.entries.push(entry),
            Line::Again => *self = Self::default(),
            Line::Header(_)
            | Line::Tenant(_)
            | Line::Account(_)
            | Line::Admin(_)
            | Line::Trailer(_) => {}
        }
    }

    fn whole(self, tenant: Tenant, standing: super::Standing) -> TenantBooks {
        TenantBooks {
            tenant,
            standing,
            keys: self.keys,
            endpoints: self.endpoints,
            opening: self.opening,
            entries: self.entries,
            tasks: self.tasks,
            grants: self.grants,
            usage: self.usage,
            days: self.days,
            users: self.users,
        }
    }
}
