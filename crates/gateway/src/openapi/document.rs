//! The document as a whole, put together from the routes.

use std::collections::BTreeMap;

use evogate_models::catalogue::ModelDescription;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, PathItem};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Content, InfoBuilder, License, OpenApi, OpenApiBuilder, Paths, RefOr, Response,
    Schema, Server,
};
use utoipa::{IntoResponses, ToSchema};

use super::{answers, events, headers, parameters, refusals, schemas, text};
use crate::router::{API, CALLBACKS, Needs, OPS, Route};

/// The document.
pub(super) fn document() -> OpenApi {
    let mut components = Components::new();
    let mut paths = Paths::new();
    for route in API.iter().chain(CALLBACKS) {
        add(&mut paths, &mut components, route, None);
    }
    let ops = ServerBuilder::new()
        .url("http://127.0.0.1:9090")
        .description(Some("The ops listener (`listen.ops`), not for the public"))
        .build();
    for route in OPS {
        add(&mut paths, &mut components, route, Some(&ops));
    }
    for row in refusals::ALL {
        let response = finished(row.component());
        components.responses.insert(row.name.to_owned(), response);
    }
    for (name, response) in answers::components() {
        components.responses.insert(name, finished(response));
    }
    headers::describe(&mut components);
    shared(&mut components);
    security(&mut components);
    let info = InfoBuilder::new()
        .title("Evogate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(text::ABOUT))
        .license(Some(
            License::builder()
                .name("MIT")
                .identifier(Some("MIT"))
                .build(),
        ))
        .build();
    let tags = text::TAGS.iter().map(|(name, description)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*description))
            .build()
    });
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .paths(paths)
        .webhooks(Some(events::webhooks()))
        .components(Some(components))
        .tags(Some(tags))
        .build()
}

/// The operation of a path that has one, with its method.
pub(super) fn operation(item: PathItem) -> Option<(&'static str, HttpMethod, Operation)> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    let all = [
        ("GET", HttpMethod::Get, get),
        ("PUT", HttpMethod::Put, put),
        ("POST", HttpMethod::Post, post),
        ("DELETE", HttpMethod::Delete, delete),
        ("PATCH", HttpMethod::Patch, patch),
    ];
    let mut all = all.into_iter();
    all.find_map(|(name, method, operation)| Some((name, method, operation?)))
}

/// Adds a route: what its annotation says, and what follows from the list.
fn add(paths: &mut Paths, components: &mut Components, route: &Route, server: Option<&Server>) {
    let described = (route.describe)();
    components.schemas.extend(described.schemas);
    let Some((_, method, mut operation)) = described.paths.paths.into_values().find_map(operation)
    else {
        return;
    };
    operation.operation_id = Some(operation_id(route));
    operation.security = security_of(route.needs);
    operation.servers = server.map(|server| vec![server.clone()]);
    let of_path = parameters::of(route.path);
    if !of_path.is_empty() {
        let own = operation.parameters.unwrap_or_default();
        operation.parameters = Some(of_path.into_iter().map(RefOr::T).chain(own).collect());
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            never_null(parameter);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        let contents = body.content.values_mut();
        contents.for_each(not_null);
    }
    let responses = &mut operation.responses.responses;
    for (status, response) in refusals_of(route.needs) {
        responses.entry(status).or_insert(response);
    }
    if operation.request_body.is_some() {
        responses.extend(refusals::BodyTimeout::responses());
    }
    // Ops are never turned away.
    if server.is_none() {
        for (status, response) in refusals::Overloaded::responses() {
            responses.entry(status).or_insert(response);
        }
    }
    for response in responses.values_mut() {
        if let RefOr::T(response) = response {
            headers::add(response, "x-request-id");
            headers::add(response, "traceparent");
        }
    }
    paths.add_path_operation(route.path, vec![method], operation);
}

/// A parameter that may be left out is not one that may be `null`.
fn never_null(parameter: &mut Parameter) {
    if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
        && let SchemaType::Array(kinds) = &mut schema.schema_type
    {
        kinds.retain(|kind| *kind != Type::Null);
        if let [kind] = kinds.as_slice() {
            schema.schema_type = kind.clone().into();
        }
    }
}

/// A body that may be left out is not one that may be `null`.
fn not_null(content: &mut RefOr<Content>) {
    if let RefOr::T(content) = content
        && let Some(RefOr::T(Schema::OneOf(either))) = &content.schema
        && let [own @ RefOr::Ref(_), RefOr::T(_)] = either.items.as_slice()
    {
        content.schema = Some(own.clone());
    }
}

fn finished(mut response: Response) -> RefOr<Response> {
    headers::add(&mut response, "x-request-id");
    headers::add(&mut response, "traceparent");
    response.into()
}

/// `api::tasks::list` is `tasks_list`, `admin::tenants::list` is `admin_tenants_list`. Where a handler has
/// several routes, what they differ in goes before it: `videos_generations_post`.
fn operation_id(route: &Route) -> String {
    let name = route.handler.strip_prefix("api::").unwrap_or(route.handler);
    let name = name.replace("::", "_");
    let same = API.iter().filter(|other| other.handler == route.handler);
    match route.path.split('/').nth(2) {
        Some(collection) if same.count() > 1 => format!("{collection}_{name}"),
        _ => name,
    }
}

/// What every route with these needs can refuse with.
fn refusals_of(needs: Needs) -> BTreeMap<String, RefOr<Response>> {
    let everyones = [
        refusals::Unauthorized::responses(),
        refusals::Forbidden::responses(),
        refusals::RateLimited::responses(),
        refusals::Broken::responses(),
    ];
    let own = match needs {
        Needs::Nothing => return BTreeMap::new(),
        Needs::Tenant(_) => refusals::Unavailable::responses(),
        Needs::Viewer => {
            // Any admin may: nobody gets a 403.
            let mut all: BTreeMap<_, _> = everyones.into_iter().flatten().collect();
            all.remove("403");
            all.extend(refusals::StoreUnavailable::responses());
            return all;
        }
        Needs::Admin => refusals::StoreUnavailable::responses(),
    };
    everyones.into_iter().flatten().chain(own).collect()
}

/// Schemas that shared answers refer to.
fn shared(components: &mut Components) {
    fn take<T: ToSchema>(components: &mut Components) {
        let mut all: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut all);
        components.schemas.extend(all);
    }
    take::<schemas::Task>(components);
    take::<ModelDescription<'static>>(components);
    take::<crate::error::Body<'static>>(components);
}

const KEY: &str = "key";
const KEY_HEADER: &str = "key_header";
const ADMIN_KEY: &str = "admin_key";
const ADMIN_KEY_HEADER: &str = "admin_key_header";

fn security(components: &mut Components) {
    let bearer = |description: &str| {
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(description))
                .build(),
        )
    };
    let header = |description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "x-api-key",
            description,
        )))
    };
    for (name, scheme) in [
        (KEY, bearer(text::KEY)),
        (KEY_HEADER, header(text::KEY_HEADER)),
        (ADMIN_KEY, bearer(text::ADMIN_KEY)),
        (ADMIN_KEY_HEADER, header(text::ADMIN_KEY_HEADER)),
    ] {
        components.add_security_scheme(name, scheme);
    }
}

fn security_of(needs: Needs) -> Option<Vec<SecurityRequirement>> {
    let either = |one: &str, other: &str| {
        let scopes = match needs {
            Needs::Tenant(scope) => vec![scope.as_str()],
            _ => Vec::new(),
        };
        let of = |name: &str| SecurityRequirement::new(name, scopes.clone());
        Some(vec![of(one), of(other)])
    };
    match needs {
        Needs::Nothing => None,
        Needs::Tenant(_) => either(KEY, KEY_HEADER),
        Needs::Viewer | Needs::Admin => either(ADMIN_KEY, ADMIN_KEY_HEADER),
    }
}
