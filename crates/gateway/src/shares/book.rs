//! Who has how much of EvoLink, and who may have more. No waiting, no locks, no clock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use evogate_models::TenantId;

/// So long after it last asked a tenant is still there, and its part is kept for it.
const THERE: Duration = Duration::from_secs(30);
/// So often those are forgotten who are not there any more.
const TIDY: Duration = Duration::from_secs(1);
/// So long after it was refused a tenant is expected to come again.
const COMES_AGAIN: Duration = Duration::from_secs(5);
/// What is above a tenant's share becomes free soon.
const SOON: Duration = Duration::from_secs(1);
/// What a minute's rate allows at once, as a part of it.
const BURST: f64 = 0.1;
/// The span by which the tenants' own rates are judged.
const WINDOW: Duration = Duration::from_secs(30);

/// A tenant may have no more now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct No {
    /// Is it the rate, rather than the places?
    pub(super) of_rate: bool,
    /// Has it less than its share?
    pub(super) below_share: bool,
    /// When to ask again.
    pub(super) wait: Duration,
}

#[derive(Debug)]
struct Account {
    in_flight: u32,
    /// The most that it had under way at once in this window, and in the one before.
    peak: [u32; 2],
    /// What it was granted in this window, and in the one before.
    granted: [u32; 2],
    window: u64,
    asked: Instant,
    /// How often it was refused and has not come again yet, and until when that counts.
    refused: u32,
    comes_until: Instant,
}

impl Account {
    const fn new(now: Instant) -> Self {
        Self {
            in_flight: 0,
            peak: [0; 2],
            granted: [0; 2],
            window: 0,
            asked: now,
            refused: 0,
            comes_until: now,
        }
    }

    /// Moves on to the window of now.
    fn roll(&mut self, window: u64) {
        let passed = window.saturating_sub(self.window);
        if passed == 0 {
            return;
        }
        let before = |[now, _]: [u32; 2]| if passed == 1 { now } else { 0 };
        self.peak = [self.in_flight, before(self.peak)];
        self.granted = [0, before(self.granted)];
        self.window = window;
    }

    fn is_there(&self, now: Instant) -> bool {
        self.in_flight > 0 || now.saturating_duration_since(self.asked) < THERE
    }

    /// How many more it is expected to come for.
    fn wants(&self, now: Instant) -> u32 {
        if now < self.comes_until {
            self.refused
        } else {
            0
        }
    }

    /// How many places more it is about to want: what it had lately, or was refused, up to its share.
    fn awaited(&self, share: u32, now: Instant) -> u32 {
        let [peak, before] = self.peak;
        peak.max(before)
            .max(self.in_flight.saturating_add(self.wants(now)))
            .min(share)
            .saturating_sub(self.in_flight)
    }

    fn granted(&self) -> u32 {
        let [now, before] = self.granted;
        now.saturating_add(before)
    }
}

#[derive(Debug)]
struct Rate {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Rate {
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.filled = now;
    }

    /// How long until there are so many.
    fn until(&self, tokens: f64) -> Duration {
        let missing = (tokens - self.tokens).max(0.0);
        Duration::try_from_secs_f64(missing / self.per_second).unwrap_or(Duration::MAX)
    }
}

#[derive(Debug)]
pub(super) struct Book {
    limit: u32,
    in_flight: u32,
    rate: Option<Rate>,
    began: Instant,
    accounts: HashMap<TenantId, Account>,
    tidied: Instant,
}

impl Book {
    pub(super) fn new(limit: u32, per_minute: Option<u32>, now: Instant) -> Self {
        let rate = per_minute.map(|per_minute| {
            let burst = (f64::from(per_minute) * BURST).max(1.0);
            Rate {
                per_second: f64::from(per_minute) / 60.0,
                burst,
                tokens: burst,
                filled: now,
            }
        });
        Self {
            limit,
            in_flight: 0,
            rate,
            began: now,
            accounts: HashMap::new(),
            tidied: now,
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Gives the tenant one more, if it may have it. `again`: it was refused just now and has waited since.
    pub(super) fn take(&mut self, tenant: &TenantId, again: bool, now: Instant) -> Result<(), No> {
        self.tidy(now);
        let window = self.window(now);
        if let Some(rate) = &mut self.rate {
            rate.fill(now);
        }
        if !self.accounts.contains_key(tenant) {
            self.accounts.insert(tenant.clone(), Account::new(now));
        }
        let answer = self.judge(tenant, now, window);
        let Some(own) = self.accounts.get_mut(tenant) else {
            return answer;
        };
        own.asked = now;
        own.roll(window);
        match answer {
            Ok(()) => {
                own.refused = own.wants(now).saturating_sub(1);
                own.in_flight = own.in_flight.saturating_add(1);
                let [peak, _] = &mut own.peak;
                *peak = (*peak).max(own.in_flight);
                let [granted, _] = &mut own.granted;
                *granted = granted.saturating_add(1);
                self.in_flight = self.in_flight.saturating_add(1);
                if let Some(rate) = &mut self.rate {
                    rate.tokens -= 1.0;
                }
            }
            Err(no) => {
                own.refused = own.wants(now).saturating_add(u32::from(!again));
                let until = now.checked_add(no.wait.saturating_add(COMES_AGAIN));
                own.comes_until = until.unwrap_or(now);
            }
        }
        answer
    }

    pub(super) fn give_back(&mut self, tenant: &TenantId) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(own) = self.accounts.get_mut(tenant) {
            own.in_flight = own.in_flight.saturating_sub(1);
        }
    }

    fn judge(&mut self, tenant: &TenantId, now: Instant, window: u64) -> Result<(), No> {
        let tenants = u32::try_from(self.accounts.len())
            .unwrap_or(u32::MAX)
            .max(1);
        let Some(own) = self.accounts.get_mut(tenant) else {
            return Ok(());
        };
        own.roll(window);
        let (in_flight, granted) = (own.in_flight, own.granted());
        let share = (self.limit / tenants).max(1);
        let free = self.limit.saturating_sub(self.in_flight);
        let below_share = in_flight < share;
        if free == 0 || (!below_share && self.is_kept(free, share, tenant, now, window)) {
            return Err(No {
                of_rate: false,
                below_share,
                wait: SOON,
            });
        }
        let judged = self.judged(now);
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        // While there is plenty, nobody is asked about the others.
        if rate.tokens >= (rate.burst / 2.0).max(1.0) {
            return Ok(());
        }
        let fair = rate.per_second * judged.as_secs_f64() / f64::from(tenants);
        let below_share = f64::from(granted) < fair.max(1.0);
        // Others that get less of the rate, and whether one of those waits for it.
        let (mut slower, mut one_waits) = (0_u32, false);
        if !below_share {
            let rivals = others(&mut self.accounts, tenant, window)
                .filter(|other| other.granted() < granted);
            for other in rivals {
                slower = slower.saturating_add(1);
                one_waits |= other.wants(now) > 0;
            }
        }
        let needed = 1.0 + f64::from(slower).min(rate.burst - 1.0);
        if rate.tokens < needed || one_waits {
            return Err(No {
                of_rate: true,
                below_share,
                wait: rate.until(needed).max(Duration::from_millis(10)),
            });
        }
        Ok(())
    }

    /// Are all the places that are free kept for other tenants, which are about to want them?
    fn is_kept(
        &mut self,
        free: u32,
        share: u32,
        tenant: &TenantId,
        now: Instant,
        window: u64,
    ) -> bool {
        let mut left = free;
        others(&mut self.accounts, tenant, window).any(|other| {
            left = left.saturating_sub(other.awaited(share, now));
            left == 0
        })
    }

    /// The span that what was granted is judged by: the window of now as far as it is over, and the one before.
    fn judged(&self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.began);
        let of_this = Duration::from_secs(
            passed
                .as_secs()
                .checked_rem(WINDOW.as_secs())
                .unwrap_or_default(),
        );
        passed.min(WINDOW.saturating_add(of_this))
    }

    fn window(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.began).as_secs();
        passed.checked_div(WINDOW.as_secs()).unwrap_or_default()
    }

    /// Forgets who is not there any more.
    fn tidy(&mut self, now: Instant) {
        if now.saturating_duration_since(self.tidied) >= TIDY {
            self.tidied = now;
            self.accounts.retain(|_, account| account.is_there(now));
        }
    }
}

/// All but this tenant's, in the window of now.
fn others<'a>(
    accounts: &'a mut HashMap<TenantId, Account>,
    tenant: &'a TenantId,
    window: u64,
) -> impl Iterator<Item = &'a Account> {
    let others = accounts.iter_mut().filter(move |(id, _)| *id != tenant);
    others.map(move |(_, other)| {
        other.roll(window);
        &*other
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    /// A book, and a clock to turn.
    struct Scene {
        book: Book,
        now: Instant,
    }

    impl Scene {
        fn new(limit: u32, per_minute: Option<u32>) -> Self {
            let now = Instant::now();
            Self {
                book: Book::new(limit, per_minute, now),
                now,
            }
        }

        fn take(&mut self, name: &str) -> bool {
            self.book.take(&id(name), false, self.now).is_ok()
        }

        /// As many as it gets.
        fn greedy(&mut self, name: &str) -> u32 {
            let mut count = 0;
            while self.take(name) {
                count += 1;
            }
            count
        }

        fn give_back(&mut self, name: &str, count: u32) {
            for _ in 0..count {
                self.book.give_back(&id(name));
            }
        }

        fn has(&self, name: &str) -> u32 {
            self.book.accounts[&id(name)].in_flight
        }

        fn wait(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
        }
    }

    #[test]
    fn one_that_is_alone_gets_all_and_gives_half_to_a_second_one() {
        let mut scene = Scene::new(64, None);
        assert_eq!(scene.greedy("first"), 64);
        // It wants as much as it can get.
        for _ in 0..64 {
            assert!(!scene.take("second"));
        }
        // From now on, whatever is given back goes to the second one up to its half.
        for _ in 0..32 {
            scene.give_back("first", 1);
            assert!(!scene.take("first"));
            assert!(scene.take("second"));
        }
        assert_eq!((scene.has("first"), scene.has("second")), (32, 32));
        // Now both are at their share: what the one gives back it gets again, and not the other.
        scene.give_back("first", 1);
        assert!(!scene.take("second"), "the half is a share, not more");
        assert!(scene.take("first"));
    }

    #[test]
    fn one_that_was_refused_once_has_one_place_kept_and_not_its_whole_share() {
        let mut scene = Scene::new(64, None);
        assert_eq!(scene.greedy("noisy"), 64);
        assert!(!scene.take("quiet"));
        scene.give_back("noisy", 10);
        assert_eq!(scene.greedy("noisy"), 9);
        assert!(scene.take("quiet"));
        // And not for ever.
        scene.give_back("quiet", 1);
        scene.wait(120_000);
        assert_eq!(scene.greedy("noisy"), 1);
    }

    #[test]
    fn a_quiet_tenants_place_is_kept_for_it_and_the_rest_is_the_noisy_ones() {
        let mut scene = Scene::new(16, None);
        for name in ["a", "b", "c"] {
            assert!(scene.take(name));
            scene.give_back(name, 1);
        }
        assert_eq!(scene.greedy("noisy"), 13);
        for name in ["a", "b", "c"] {
            assert!(scene.take(name), "{name} finds its place free");
            scene.give_back(name, 1);
        }
        assert_eq!(scene.greedy("noisy"), 0);
        // Who is gone for long has nothing kept.
        scene.wait(120_000);
        assert_eq!(scene.greedy("noisy"), 3);
    }

    #[test]
    fn the_rate_is_even_and_a_quiet_tenant_is_never_refused_beside_a_noisy_one() {
        let mut scene = Scene::new(1000, Some(600));
        let (mut noisy, mut quiet) = (0, 0);
        for step in 0..6_000 {
            noisy += u32::from(scene.take("noisy"));
            if step % 100 == 50 {
                assert!(scene.take("quiet"), "at {step}");
                quiet += 1;
                scene.give_back("quiet", 1);
            }
            scene.give_back("noisy", scene.has("noisy"));
            scene.wait(10);
        }
        assert_eq!(quiet, 60);
        assert!(
            (540..=660).contains(&(noisy + quiet)),
            "{noisy} and {quiet} in a minute"
        );
    }

    #[test]
    fn two_that_want_all_of_the_rate_get_half_of_it_each() {
        let mut scene = Scene::new(1000, Some(60));
        let (mut first, mut second) = (0, 0);
        for _ in 0..12_000 {
            // The first one always asks first.
            first += u32::from(scene.take("first"));
            second += u32::from(scene.take("second"));
            scene.wait(10);
        }
        assert!(first.abs_diff(second) <= 12, "{first} and {second}");
        assert!(first + second >= 110, "{first} and {second}");
    }

    proptest! {
        /// However greedy one is, and whenever it asks: a quiet tenant finds as many places as it had at once in
        /// the last half minute, if that is no more than its share.
        #[test]
        fn a_quiet_tenants_places_are_always_free(
            had in prop::collection::vec(0_u32..4, 1..8),
            spare in 0_u32..8,
            steps in prop::collection::vec((any::<[bool; 8]>(), 0_u32..4, 0_u64..200), 1..100),
        ) {
            let names: Vec<String> = (0..had.len()).map(|n| format!("quiet-{n}")).collect();
            // So many that even the share of the one that had most is enough for what it had.
            let most = had.iter().copied().max().unwrap_or_default().max(1);
            let tenants = u32::try_from(had.len()).unwrap() + 1;
            let mut scene = Scene::new(most * tenants + spare, None);
            for (name, had) in names.iter().zip(&had) {
                for _ in 0..*had {
                    prop_assert!(scene.take(name));
                }
                scene.give_back(name, *had);
            }
            for (who, given_back, wait) in steps {
                scene.greedy("noisy");
                let come: Vec<_> = names.iter().zip(&had).zip(who).filter(|(_, comes)| *comes).collect();
                for ((name, had), _) in &come {
                    for _ in 0..**had {
                        prop_assert!(scene.take(name), "{name} beside {}", scene.has("noisy"));
                    }
                }
                scene.greedy("noisy");
                scene.wait(wait);
                for ((name, had), _) in &come {
                    scene.give_back(name, **had);
                }
                let given_back = given_back.min(scene.has("noisy"));
                scene.give_back("noisy", given_back);
            }
        }

        /// Whatever tenants do: no more than the limit is out, what is out is who has it, and a tenant that is
        /// below its share gets what is free.
        #[test]
        fn the_sum_is_kept(limit in 1_u32..20, steps in prop::collection::vec((0_usize..5, any::<bool>(), 0_u64..3_000), 1..300)) {
            let names = ["a", "b", "c", "d", "e"];
            let mut scene = Scene::new(limit, None);
            let mut out = [0_u32; 5];
            for (who, take, wait) in steps {
                scene.wait(wait);
                if take {
                    let all: u32 = out.iter().sum();
                    let got = scene.take(names[who]);
                    prop_assert!(!got || all < limit);
                    prop_assert!(got || all == limit || out[who] >= limit / 5);
                    out[who] += u32::from(got);
                } else if out[who] > 0 {
                    out[who] -= 1;
                    scene.give_back(names[who], 1);
                }
                prop_assert_eq!(scene.book.in_flight(), out.iter().sum::<u32>());
            }
        }
    }
}
