//! Takes an export into an empty store, tenant by tenant, each in one step.
//!
//! Before the first tenant is written the store is marked, and the mark goes with the last line: a store
//! with a mark, or with a tenant, takes no import. So an import that broke off is seen as one.

use serde_json::json;

use super::Counts;
use super::read::{Fault, Read, Reader};
use crate::audit::Actor;
use crate::error::{ImportError, TenantError};
use crate::store::Store;

/// What an import wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// The lines that were read.
    pub counts: Counts,
    /// Tenants written.
    pub tenants: u64,
    /// Admins written.
    pub admins: u64,
    /// Admins left out, since there is one of that name or key already.
    pub admins_kept: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Importer {
    store: Store,
    by: Actor,
    reader: Reader,
    imported: Imported,
    begun: bool,
}

impl Importer {
    /// Begins, if the store is empty.
    pub async fn new(store: Store, by: Actor) -> Result<Self, ImportError> {
        store.may_import().await?;
        Ok(Self {
            store,
            by,
            reader: Reader::default(),
            imported: Imported::default(),
            begun: false,
        })
    }

    /// How many tenants were written so far.
    pub const fn tenants(&self) -> u64 {
        self.imported.tenants
    }

    /// Something is wrong with the line after those that were taken.
    pub fn fault(&self, why: &str) -> Fault {
        Fault {
            line: self.reader.counts().lines.saturating_add(1),
            why: why.to_owned(),
        }
    }

    /// Takes the next line, without its end.
    pub async fn line(&mut self, text: &[u8]) -> Result<(), ImportError> {
        match self.reader.line(text)? {
            Read::More => {}
            Read::Tenant(books) => {
                self.begin().await?;
                let id = books.tenant.id.clone();
                let done = self.store.import_tenant(*books, &self.by).await;
                done.map_err(|error| self.placed(error, &format!("the tenant {id}")))?;
                self.imported.tenants = self.imported.tenants.saturating_add(1);
            }
            Read::Admin(admin) => {
                self.begin().await?;
                let kept = match self.store.add_admin(admin, &self.by).await {
                    Ok(()) => &mut self.imported.admins,
                    Err(TenantError::Exists) => &mut self.imported.admins_kept,
                    Err(TenantError::Store(error)) => return Err(error.into()),
                    Err(other) => return Err(self.reader.fault(other.to_string()).into()),
                };
                *kept = kept.saturating_add(1);
            }
            Read::End => {
                self.begin().await?;
                let Imported { counts, .. } = self.result();
                let facts = json!({ "tenants": counts.tenants, "tasks": counts.tasks, "entries": counts.entries });
                self.store.end_import(&self.by, facts).await?;
            }
        }
        Ok(())
    }

    /// There are no more lines.
    pub fn end(&self) -> Result<Imported, Fault> {
        self.reader.end()?;
        Ok(self.result())
    }

    fn result(&self) -> Imported {
        Imported {
            counts: self.reader.counts(),
            ..self.imported
        }
    }

    async fn begin(&mut self) -> Result<(), ImportError> {
        if !self.begun {
            self.store.begin_import().await?;
            self.begun = true;
        }
        Ok(())
    }

    /// Where a tenant was refused by the store.
    fn placed(&self, error: ImportError, what: &str) -> ImportError {
        match error {
            ImportError::Taken(why) => self.reader.fault(format!("{what}: {why}")).into(),
            other => other,
        }
    }
}
