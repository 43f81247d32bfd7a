//! Takes what `/docs` shows out of the package that Swagger UI comes in. Nothing is downloaded.

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

/// What is compiled in (see `src/openapi/serve.rs`): the files' ends of path in the package.
const WANTED: [&str; 4] = [
    "/dist/swagger-ui-bundle.js",
    "/dist/swagger-ui.css",
    "/LICENSE",
    "/NOTICE",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var("OUT_DIR")?;
    let mut package = zip::ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let names = package.file_names().map(|name| Ok(name?.into_owned()));
    let names = names.collect::<Result<Vec<String>, zip::result::ZipError>>()?;
    for wanted in WANTED {
        // `swagger-ui-5.32.6/LICENSE` and not one of a folder further down.
        let depth = wanted.matches('/').count();
        let name = names
            .iter()
            .find(|name| name.ends_with(wanted) && name.matches('/').count() == depth)
            .ok_or_else(|| format!("Swagger UI's package lacks {wanted}"))?;
        let mut content = Vec::new();
        package.by_name(name)?.read_to_end(&mut content)?;
        let file = wanted.rsplit('/').next().unwrap_or(wanted);
        fs::write(Path::new(&folder).join(file), content)?;
    }
    Ok(())
}
