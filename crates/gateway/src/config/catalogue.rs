//! `catalogue`: the models, limits and prices, read and checked with everything else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use evogate_models::catalogue::Catalogue;

use super::reader::Reader;

/// The catalogue of the file that is named, or the built-in one.
pub(super) fn read(from: &mut Reader) -> Option<Arc<Catalogue>> {
    let path: Option<PathBuf> = from.optional("catalogue")?;
    let catalogue = match path {
        Some(path) => load(&path),
        None => Catalogue::builtin().map_err(|why| why.to_string()),
    };
    match catalogue {
        Ok(catalogue) => Some(Arc::new(catalogue)),
        Err(reason) => {
            from.problem("catalogue", reason);
            None
        }
    }
}

fn load(path: &Path) -> Result<Catalogue, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|why| format!("the file {name} can't be read: {why}"))?;
    Catalogue::parse(&text).map_err(|why| format!("the file {name} is wrong: {why}"))
}
