//! What survives: a process that is killed in the middle of its writes, and what its successor finds.
//!
//! The other process is this test binary, started again for one of the two tests at the end, which do
//! nothing unless they are told a file.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use evogate_models::task::{State, Task};
use evogate_models::{Credits, TaskId};
use evogate_store::{Random as _, Store, StoreError, SystemClock, SystemRandom};
use redb::{Database, TableDefinition};
use tokio::task::JoinSet;

use crate::kit::{Place, admin, bind, demo, grant, intent, news};

/// Tells the other process its file.
const FILE: &str = "EVOGATE_TEST_STORE";

/// Starts this binary again for the test `name`.
fn other_process(name: &str, file: &Path) -> Child {
    let name = format!("durability::{name}");
    Command::new(std::env::current_exe().unwrap())
        .args([name.as_str(), "--exact", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The lines in which the other process says something.
fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.filter_map(|line| Some(line.unwrap().strip_prefix("said ")?.to_owned()))
}

fn open(file: &Path) -> Result<Store, StoreError> {
    Store::embedded(file, 1 << 20, Arc::new(SystemClock))
}

/// What the other process was answered before it was killed.
#[derive(Default)]
struct Answered {
    granted: u32,
    /// How far each task had come.
    tasks: BTreeMap<TaskId, &'static str>,
}

impl Answered {
    /// The last line may have been cut off.
    fn read(&mut self, line: &str) {
        let steps = ["held", "bound", "completed"];
        match line.split_once(' ') {
            None => self.granted += u32::from(line == "granted"),
            Some((id, step)) => {
                if let Some(step) = steps.into_iter().find(|known| *known == step) {
                    self.tasks.insert(id.parse().unwrap(), step);
                }
            }
        }
    }

    async fn is_in(&self, store: &Store) {
        let verified = store.verify().await.unwrap();
        assert!(verified.violations.is_empty(), "{:?}", verified.violations);
        let account = store.tenant(&demo()).await.unwrap().unwrap().account;
        assert!(account.granted >= Credits::whole(self.granted * 10));
        for (id, step) in &self.tasks {
            let task = store.task(&demo(), id).await.unwrap().unwrap();
            let came_as_far = match *step {
                "held" => true,
                "bound" => task.upstream.is_some(),
                _ => task.state == State::Completed,
            };
            assert!(came_as_far, "{id} had {step}, and is {}", task.state.name());
            let told = store.deliveries(&demo(), id).await.unwrap();
            assert_eq!(told.len(), usize::from(task.state.is_ended()));
        }
    }
}

#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    let mut place = Place::with_credits(10).await;
    place.close().await;
    let file = place.file();
    let mut answered = Answered {
        granted: 1,
        ..Answered::default()
    };
    for lines in [1, 40, 7, 150, 90, 400] {
        let mut child = other_process("writes_until_it_is_killed", &file);
        let mut said = said(&mut child);
        let first = said.by_ref().take(lines);
        first.for_each(|line| answered.read(&line));
        child.kill().unwrap();
        // What it said before it died counts as well.
        said.for_each(|line| answered.read(&line));
        child.wait().unwrap();
        let store = open(&file).unwrap();
        answered.is_in(&store).await;
        its_leases_ended(&store).await;
        store.close().await;
    }
}

/// Whatever was on its way when the process died is anybody's now.
async fn its_leases_ended(store: &Store) {
    let now = store.now();
    let dump = store.dump().await.unwrap();
    let orphans: Vec<&Task> = dump
        .tasks
        .values()
        .filter(|task| matches!(task.state, State::Submitting { .. }))
        .collect();
    for task in &orphans {
        assert!(task.lease.is_some_and(|lease| lease.until <= now));
    }
    let claimed = store.claim_due(100_000, 60_000).await.unwrap();
    for task in orphans {
        assert!(claimed.iter().any(|claimed| claimed.id == task.id));
    }
}

#[tokio::test]
async fn a_file_belongs_to_one_process() {
    let place = Place::with_credits(10).await;
    let mut child = other_process("says_whether_it_can_open", &place.file());
    let said: Vec<String> = said(&mut child).collect();
    assert!(child.wait().unwrap().success());
    let [said] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert!(
        said.contains("store.redb") && said.contains("already open"),
        "{said}"
    );
    place.store().ping().await.unwrap();
    let Err(StoreError::Unavailable(error)) = place.open() else {
        panic!("opened twice")
    };
    assert!(
        error.contains("store.redb") && error.contains("already open"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_of_another_layout_is_refused_and_left_alone() {
    const META: TableDefinition<&str, i64> = TableDefinition::new("meta");
    let mut place = Place::with_credits(10).await;
    place.close().await;
    set_layout(&place, META, 999);
    let Err(StoreError::Corrupt(error)) = place.open() else {
        panic!("opened")
    };
    assert_eq!(error, "the file has layout 999, this version reads 1");
    set_layout(&place, META, 1);
    place.start();
    assert!(place.store().tenant(&demo()).await.unwrap().is_some());
}

fn set_layout(place: &Place, meta: TableDefinition<&str, i64>, layout: i64) {
    let file = Database::open(place.file()).unwrap();
    let change = file.begin_write().unwrap();
    {
        let mut meta = change.open_table(meta).unwrap();
        meta.insert("schema", layout).unwrap();
    }
    change.commit().unwrap();
}

#[tokio::test]
async fn a_file_of_another_layout_is_refused_whatever_its_tables_hold() {
    const META: TableDefinition<&str, i64> = TableDefinition::new("meta");
    // A name of ours with other types, as another version may have it.
    const TASKS: TableDefinition<u64, u64> = TableDefinition::new("tasks");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    {
        let file = Database::create(&path).unwrap();
        let change = file.begin_write().unwrap();
        change.open_table(TASKS).unwrap().insert(1, 1).unwrap();
        let mut meta = change.open_table(META).unwrap();
        meta.insert("schema", 2).unwrap();
        drop(meta);
        change.commit().unwrap();
    }
    let Err(StoreError::Corrupt(error)) = open(&path) else {
        panic!("opened")
    };
    assert_eq!(error, "the file has layout 2, this version reads 1");
}

#[tokio::test]
async fn writes_until_it_is_killed() {
    let Ok(file) = std::env::var(FILE) else {
        return;
    };
    let store = open(Path::new(&file)).unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        callers.spawn(async move {
            loop {
                write_some(&store).await;
            }
        });
    }
    callers.join_all().await;
}

/// A grant and a task's life, each step said once it was answered.
async fn write_some(store: &Store) {
    let credits = grant("demo", Credits::whole(10));
    store.grant(credits, &admin()).await.unwrap();
    println!("said granted");
    let mut intent = intent(0, "a");
    intent.id = TaskId::mint(store.now(), SystemRandom.bits());
    intent.callback_url = Some("https://receiver.example/".to_owned());
    let submit = evogate_store::Submit {
        intent,
        policy: None,
        may_create: true,
    };
    let task = store.submit(submit).await.unwrap().task;
    let id = task.id.clone();
    println!("said {id} held");
    let command = bind(&task, &format!("up-{id}"), "pending");
    let bound = store.turn(&demo(), &id, command).await.unwrap().task;
    println!("said {id} bound");
    let command = news(&bound, "completed");
    store.turn(&demo(), &id, command).await.unwrap();
    println!("said {id} completed");
}

#[test]
fn says_whether_it_can_open() {
    let Ok(file) = std::env::var(FILE) else {
        return;
    };
    match open(Path::new(&file)) {
        Ok(_) => println!("said opened"),
        Err(error) => println!("said {error}"),
    }
}
