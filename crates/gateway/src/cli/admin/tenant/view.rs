//! A tenant as people see it.

use evogate_models::credits::Decimal;
use serde::Deserialize;

use crate::cli::admin::money::amount;
use crate::cli::admin::quota::Quota;
use crate::cli::admin::screen::Screen;
use crate::cli::admin::table::{Set, Table};
use crate::cli::admin::times::both;

/// A tenant as the gateway shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Tenant {
    id: String,
    name: String,
    created: i64,
    suspended: bool,
    unlimited: bool,
    credits: Credits,
    tasks_in_flight: u32,
    quota: Quota,
}

#[derive(Debug, Deserialize)]
pub(super) struct Credits {
    granted: Decimal,
    available: Decimal,
    held: Decimal,
    spent: Decimal,
}

impl Tenant {
    fn state(&self) -> &'static str {
        if self.suspended {
            "suspended"
        } else {
            "active"
        }
    }

    /// An unlimited tenant's balance has no floor.
    fn available(&self) -> String {
        let available = amount(self.credits.available);
        if self.unlimited {
            format!("{available} (unlimited)")
        } else {
            available
        }
    }
}

/// A page that was asked for by its number.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    total: u64,
    #[serde(rename = "page")]
    number: u64,
    #[serde(rename = "page_size")]
    size: u64,
    data: Vec<Tenant>,
}

impl Page {
    pub(super) fn shown(&self, screen: &Screen) -> String {
        let pages = self.total.div_ceil(self.size.max(1)).max(1);
        let table = table(&self.data, screen);
        format!(
            "{table}\npage {} of {pages}, {} tenants in all",
            self.number, self.total
        )
    }
}

pub(super) fn table(tenants: &[Tenant], screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("tenant", Set::Firm),
        ("name", Set::Text),
        ("state", Set::Firm),
        ("available", Set::Right),
        ("held", Set::Right),
        ("spent", Set::Right),
        ("granted", Set::Right),
        ("in flight", Set::Right),
    ]);
    for tenant in tenants {
        let Credits {
            granted,
            held,
            spent,
            ..
        } = tenant.credits;
        table.row([
            tenant.id.clone(),
            tenant.name.clone(),
            tenant.state().to_owned(),
            tenant.available(),
            amount(held),
            amount(spent),
            amount(granted),
            tenant.tasks_in_flight.to_string(),
        ]);
    }
    screen.show(&table)
}

pub(super) fn details(tenant: &Tenant, screen: &Screen) -> String {
    let mut table = Table::pairs();
    table.pair("tenant", &tenant.id);
    table.pair("name", &tenant.name);
    table.pair("created", both(tenant.created, screen.now));
    table.pair("state", tenant.state());
    table.pair("available", tenant.available());
    table.pair("held", amount(tenant.credits.held));
    table.pair("spent", amount(tenant.credits.spent));
    table.pair("granted", amount(tenant.credits.granted));
    table.pair("tasks in flight", tenant.tasks_in_flight.to_string());
    for (name, value) in tenant.quota.limits() {
        table.pair(&name, value);
    }
    screen.show(&table)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::admin::tests::people;

    fn studio() -> serde_json::Value {
        json!({"object": "tenant", "id": "studio", "name": "Film studio", "created": 1_795_444_158,
            "suspended": true, "unlimited": true, "tasks_in_flight": 1,
            "credits": {"granted": 500, "available": -17.784, "held": 17.784, "spent": 500},
            "quota": {"unlimited": true, "credits_per_day": 300, "time_zone": "Europe/Berlin", "models": ["a*", "b"],
                "per_user": {"credits_per_day": 60, "credits_per_week": null}}})
    }

    #[test]
    fn one_is_shown_with_its_credits_and_what_limits_it() {
        insta::assert_snapshot!(people(studio(), details), @r"
        tenant                    studio
        name                      Film studio
        created                   2026-11-23T14:29:18Z (2 d ago)
        state                     suspended
        available                 -17.784 (unlimited)
        held                      17.784
        spent                     500.000
        granted                   500.000
        tasks in flight           1
        unlimited                 true
        credits_per_day           300
        per_user.credits_per_day  60
        time_zone                 Europe/Berlin
        models                    a* b
        ");
    }

    #[test]
    fn a_page_says_how_many_there_are() {
        let page = json!({"total": 3, "page": 2, "page_size": 2, "data": [studio()]});
        insta::assert_snapshot!(people(page, Page::shown), @r"
        TENANT  NAME         STATE                AVAILABLE    HELD    SPENT  GRANTED  IN FLIGHT
        studio  Film studio  suspended  -17.784 (unlimited)  17.784  500.000  500.000          1
        page 2 of 2, 3 tenants in all
        ");
    }
}
